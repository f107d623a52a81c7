#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/latency_histogram.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/telemetry/publisher.h"
#include "worker/train/async_probes.h"
#include "worker/train/healthy_checkpoint.h"
#include "worker/train/probes.h"
#include "worker/train/report.h"
#include "worker/train/setup.h"

namespace sluice::train {

// How a run looks at its model on the way: evaluations, probes, temperatures. All but the
// constructor are collectives, and write what they find into a report.
class RunChecks {
 public:
  // Borrows all.
  RunChecks(const config::TrainConfig* config, Assembly* assembly, const Datasets* datasets,
            dist::Group* group, telemetry::Publisher* publisher);

  bool has_probes() const { return !probes_.empty(); }
  // Accuracy on the evaluation split; `train_seconds` until then go into the report's curve.
  absl::Status Evaluate(int64_t step, double train_seconds, LatencyHistogram& inference,
                        TrainReport& report);
  // And on the further domains of eval.domains.
  absl::Status EvaluateDomains(TrainReport& report);
  // Checks every probe, and tells the sidecar; `state` learns whether all are calm. With
  // probe.async rank 0 only begins to: nobody waits, and what comes of it goes by TakeProbes.
  absl::Status CheckProbes(int64_t step, HealthyCheckpoint& health, checkpoint::TrainState& state,
                           TrainReport& report);
  // What such a check has come to, if it has. Never waits, and is no collective.
  void TakeProbes(HealthyCheckpoint& health, checkpoint::TrainState& state, TrainReport& report);
  // Waits a bounded time for one that is under way; not once the run is to stop. No collective.
  void AwaitProbes(HealthyCheckpoint& health, checkpoint::TrainState& state, TrainReport& report);
  // Fits the uncertainty heads' temperatures, if the run does.
  absl::Status Calibrate(checkpoint::TrainState& state, TrainReport& report);

 private:
  void Found(int64_t step, std::vector<ProbeFinding> findings, checkpoint::TrainState& state,
             TrainReport& report);

  const config::TrainConfig* config_;
  Assembly* assembly_;
  const Datasets* datasets_;
  dist::Group* group_;
  telemetry::Publisher* publisher_;
  data::PipelineConfig pipeline_;
  Probes probes_;
  std::optional<AsyncProbes> async_;  // Of rank 0.
};

}  // namespace sluice::train
