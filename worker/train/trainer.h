#pragma once

#include <memory>
#include <string>

#include "common/snapshot.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/dist/directive_agreement.h"
#include "worker/dist/process_group.h"
#include "worker/service/command_board.h"
#include "worker/telemetry/publisher.h"
#include "worker/train/checkpoints.h"
#include "worker/train/group_activity.h"
#include "worker/train/ingestion.h"
#include "worker/train/loss_log.h"
#include "worker/train/report.h"
#include "worker/train/run_checks.h"
#include "worker/train/rungs.h"
#include "worker/train/setup.h"
#include "worker/train/steering.h"
#include "worker/train/step_reporter.h"
#include "worker/train/token_maps.h"
#include "worker/train/train_step.h"

namespace sluice::train {

// What a rank trains with; the trainer borrows all of it.
struct TrainerParts {
  const config::TrainConfig* config = nullptr;
  std::string config_toml;
  Assembly* assembly = nullptr;
  const Datasets* datasets = nullptr;
  dist::Group* group = nullptr;
  dist::DirectiveAgreement* agreement = nullptr;
  telemetry::Publisher* publisher = nullptr;
  service::CommandBoard* board = nullptr;
  Ingestion* ingestion = nullptr;  // May be null: there is no live stream.
};

// The loop of one rank: steps, telemetry, evaluations and checkpoints. All ranks run it in step.
class Trainer {
 public:
  // `state` is where to go on from: a checkpoint's, or a fresh one of step 0.
  Trainer(const TrainerParts& parts, checkpoint::TrainState state);

  // Runs up to the last step, or until a stop that all ranks agreed on; ends with an evaluation and
  // a checkpoint.
  absl::StatusOr<TrainReport> Run();

 private:
  static constexpr size_t kMostLosses = 100'000;  // Of the report.

  absl::Status RunSteps();
  // Nothing but a replay needs them: it goes on without.
  void LogLoss(std::optional<double> loss);
  absl::Status RunStep(int64_t step);
  // What has been agreed on takes effect before `step`; may end the run (stop_).
  absl::Status BeginStep(int64_t step);
  absl::Status ApplyDirective(const Directive& directive, int64_t step);
  absl::Status PauseAfterRollBack(int64_t step);
  void SetGates(const Directive& directive);
  Accuracies Found() const { return {report_.accuracy_dense, report_.accuracy_gated}; }
  absl::Status EvaluateNow(int64_t step);
  // Starts one, unless that of `step` is there and says all that happened since.
  absl::Status Checkpoint(int64_t step);
  // Waits for what was started.
  absl::Status SettleCheckpoint();
  // The end of a run: a checkpoint that must be durable, and an evaluation if there is time.
  absl::Status End(int64_t last);
  void TellProgress();

  TrainerParts parts_;
  checkpoint::TrainState state_;
  Counters counters_;  // Of this rank.
  std::unique_ptr<data::Loader> loader_;
  std::unique_ptr<TrainStep> step_;
  Steering steering_;
  OpeningSchedule opening_;
  StepReporter reporter_;
  RunChecks checks_;
  Checkpoints saves_;
  std::optional<LossLog> losses_;  // Of rank 0.
  std::unique_ptr<Rungs> rungs_;
  std::unique_ptr<GroupActivity> activity_;
  std::unique_ptr<TokenMaps> maps_;  // Of rank 0.
  TrainReport report_;
  std::vector<double> step_seconds_;
  std::vector<LedgerEntry> ledger_;
  std::vector<double> time_saved_;  // Of each of its entries.
  std::optional<double> saved_;     // The newest.
  int64_t tokens_ = 0;
  int64_t tokens_open_ = 0;
  int64_t first_step_ = 1;  // Of this process.
  int64_t evaluated_step_ = -1;
  uint32_t breaker_level_ = 0;
  bool rolled_back_ = false;  // And that is in no checkpoint yet.
  bool stop_ = false;
};

}  // namespace sluice::train
