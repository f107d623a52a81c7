#pragma once

#include <optional>
#include <vector>

#include "common/snapshot.h"
#include "worker/config/train_config.h"
#include "worker/dist/directive_agreement.h"
#include "worker/telemetry/publisher.h"
#include "worker/train/communication.h"
#include "worker/train/gated_model.h"
#include "worker/train/progress.h"
#include "worker/train/train_step.h"

namespace sluice::train {

// Accuracies on the validation set, as last found.
struct Accuracies {
  std::optional<double> dense;
  std::optional<double> gated;
};

// Tells the sidecar and the terminal what each step did. Never waits. One thread.
class StepReporter {
 public:
  // Borrows all. `shows`: this rank writes progress lines.
  StepReporter(const config::TrainConfig* config, const GatedModel* model,
               const dist::DirectiveAgreement* agreement, telemetry::Publisher* publisher,
               bool shows);

  // Step `step` took `seconds`, which are added to `counters`; `saved`: the newest measurement of
  // the share of a dense step that the gates save.
  void OnStep(int64_t step, const StepOutcome& outcome, double seconds, Counters& counters,
              std::optional<double> saved, const Accuracies& accuracies);
  // The newest snapshot again, with what the last evaluation found: no step comes after it. Returns
  // what the steps of this process spent on gradients.
  Communication OnEnd(const Counters& counters, const Accuracies& accuracies);

 private:
  // The rate that a gate is told to keep.
  double RateInForce(size_t gate) const;
  double ImagesPerSecond() const;
  void Show(int64_t step, const StepOutcome& outcome);

  const config::TrainConfig* config_;
  const GatedModel* model_;
  const dist::DirectiveAgreement* agreement_;
  telemetry::Publisher* publisher_;
  ProgressClock progress_;
  StepTimer timer_;
  std::vector<StepTiming> timings_;  // Per step.
  GateSnapshot newest_;
};

}  // namespace sluice::train
