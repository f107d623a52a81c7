#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "common/counters.h"
#include "common/snapshot.h"
#include "worker/data/loader.h"
#include "worker/dist/control.h"
#include "worker/dist/directive_agreement.h"
#include "worker/dist/grad_reducer.h"
#include "worker/legacy/rehearsal.h"
#include "worker/torch.h"
#include "worker/train/clock.h"
#include "worker/train/ewc.h"
#include "worker/train/footprint_gate.h"
#include "worker/train/gated_model.h"
#include "worker/train/image_gate.h"
#include "worker/train/ledger.h"
#include "worker/train/optimizer.h"
#include "worker/train/schedule.h"

namespace sluice::train {

struct StepOptions {
  int64_t accumulate = 1;
  double clip = 1.0;     // 0 does not clip.
  double head_lr = 1.0;  // Factor on the learning rate of the uncertainty head.
  uint64_t seed = 0;
  LearningRateSchedule schedule;
  gate::FootprintSettings footprint;
  ImageGateOptions image_gate;
  int64_t most_images = 0;   // Of a rank's share of a micro-step.
  int64_t ledger_every = 0;  // Steps between measurements of what the gates save; 0: none.
  // With a budget over a rank's batch: images that it is a share of, the same on all ranks; 0:
  // those that the rank has.
  double budget_images = 0.0;
  dist::Compression compression = dist::Compression::kNone;
  std::shared_ptr<const Ewc> ewc;                      // May be null: nothing is consolidated,
  std::shared_ptr<const legacy::Rehearsal> rehearsal;  // or rehearsed.
};

// What a step did.
struct StepOutcome {
  dist::ControlResult control;
  std::optional<double> loss;  // Mean over the open images of all ranks.
  std::optional<double> accuracy;
  std::optional<double> gradient_norm;  // Before clipping.
  double learning_rate = 0.0;
  bool updated = false;  // Parameters changed.
  double flops = 0.0;    // Counted arithmetic of this rank (worker/gate/flops.h).
  // This rank's measurement, if one was due, and the seconds that it took beyond the step.
  std::optional<LedgerEntry> ledger;
  double ledger_seconds = 0.0;
  StepTiming timing;  // Of this rank; what the ledger's dense pass took is not in it.
};

// One training step of one rank: forward to the gate, control sums, the rest, backward with the
// gradient's sums, update. The loss is a sum over open images; its gradient is divided by the open
// images of all ranks in the optimizer, so that R ranks have the gradient of one process with the
// concatenated batch and the control sum overlaps the backward too.
class TrainStep {
 public:
  TrainStep(GatedModel* model, Optimizer* optimizer, dist::Group* group,
            dist::DirectiveAgreement* agreement, data::Loader* loader, const StepOptions& options);

  // Runs step `step` (from 1); of `wishes` stop, pause and checkpoint are this rank's. Adds to
  // `counters`.
  absl::StatusOr<StepOutcome> Run(int64_t step, const dist::ControlInput& wishes,
                                  Counters& counters);

  // Of the batches from now on, in [0, 1). The same on all ranks.
  void SetRehearsalShare(double share) { rehearsal_share_ = share; }
  // Called once, with the next batch and what the gates decide about it. Must not wait.
  void WatchNext(std::function<void(const ModelBatch&, const GateDecision&)> watch) {
    watch_ = std::move(watch);
  }
  FootprintGate& footprint() { return footprint_; }
  ImageGate& image_gate() { return image_gate_; }
  // Bytes of gradients that this rank put into collectives so far.
  uint64_t bytes_sent() const { return reducer_.bytes_sent(); }

 private:
  // Forward and backward of a micro-step; the last one exchanges sums.
  absl::Status RunMicroStep(int64_t step, int64_t micro, dist::ControlInput& input,
                            Counters& counters);
  void Count(const GateDecision& decision, const ModelBatch& batch, dist::ControlInput& input,
             Counters& counters);
  // Forward of the images that are not skipped by their cached score; counts the whole batch.
  TrainPass Forward(const ModelBatch& batch, dist::ControlInput& input, Counters& counters,
                    LedgerEntry* ledger, const std::function<void()>& decided);
  // A dense forward and backward of the batch, whose gradients are thrown away.
  absl::Status MeasureDense(const ModelBatch& batch, bool reduce);
  bool LedgerIsDue(int64_t step) const;
  // The next images, with what is rehearsed among them.
  absl::StatusOr<ModelBatch> NextBatch(uint64_t draw);
  absl::Status Update(int64_t step, StepOutcome& outcome);
  // This rank is about to enter a collective.
  void Meet();

  GatedModel* model_;
  Optimizer* optimizer_;
  dist::Group* group_;
  dist::DirectiveAgreement* agreement_;
  data::Loader* loader_;
  StepOptions options_;
  dist::GradReducer reducer_;
  FootprintGate footprint_;
  ImageGate image_gate_;
  dist::ControlExchange exchange_;
  double flops_ = 0.0;
  // What this rank worked for the step before it met the others: until own_since_, and from then.
  double own_seconds_ = 0.0;
  Clock::time_point own_since_{};
  bool has_met_ = false;
  double update_seconds_ = 0.0;  // Of the step before.
  double loss_sum_ = 0.0;
  double correct_ = 0.0;
  std::optional<LedgerEntry> ledger_;  // Of this step.
  double ledger_seconds_ = 0.0;
  int bad_steps_ = 0;
  double rehearsal_share_ = 0.0;
  std::function<void(const ModelBatch&, const GateDecision&)> watch_;
};

}  // namespace sluice::train
