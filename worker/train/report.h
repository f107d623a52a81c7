#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/gate/calibration.h"
#include "worker/train/communication.h"
#include "worker/train/ledger.h"
#include "worker/train/probe_finding.h"

namespace sluice::train {

// One evaluation along the way.
struct CurvePoint {
  int64_t step = 0;
  double seconds = 0.0;  // Spent in training steps until then.
  std::optional<double> accuracy_dense;
  std::optional<double> accuracy_gated;

  bool operator==(const CurvePoint&) const = default;
};

// Work since the start of the run, over all ranks: what the sidecar's counters must come to.
struct WorkDone {
  uint64_t steps = 0;  // The run's, not each rank's.
  uint64_t images_open = 0;
  uint64_t images_skipped = 0;
  uint64_t tokens_open = 0;  // Patch tokens at the last gate; 0 without a gate.
  uint64_t tokens_closed = 0;

  bool operator==(const WorkDone&) const = default;
};

// Accuracy on a further domain, dense.
struct DomainAccuracy {
  std::string domain;
  double accuracy = 0.0;  // In [0, 1].

  bool operator==(const DomainAccuracy&) const = default;
};

// What a training run reports when it ends.
struct TrainReport {
  std::string run;
  int64_t steps = 0;  // Steps of this process, and position at the end.
  int64_t last_step = 0;
  int64_t images = 0;    // Images of all ranks that entered a forward.
  double seconds = 0.0;  // Spent in training steps: evaluation and checkpoints are not in it.
  double median_step_seconds = 0.0;
  double longest_step_seconds = 0.0;
  double activation_rate = 1.0;  // Over the whole run.
  // Counted arithmetic of this process's steps, over all ranks (worker/gate/flops.h).
  double flops = 0.0;
  WorkDone work;
  double publisher_cpu_seconds = 0.0;  // Of rank 0's publisher thread until the last step.
  uint64_t directive_version = 0;
  int64_t directives_applied = 0;
  std::optional<double> accuracy_dense;
  std::optional<double> accuracy_gated;
  double eval_activation_rate = 1.0;
  Savings savings;                             // Of rank 0.
  std::vector<gate::Calibration> calibration;  // Of the last one; empty if the run does none.
  uint64_t gradient_bytes = 0;                 // That rank 0 handed over to be summed.
  Communication communication;                 // Of rank 0.
  std::string checkpoint;                      // Path of the last one.
  std::vector<double> losses;                  // Per step of this process; only the first 100,000.
  std::vector<CurvePoint> curve;
  std::vector<ProbeFinding> probes;     // Of the last check.
  double probe_seconds = 0.0;           // Spent on checks; they are not in `seconds`.
  int64_t rollbacks = 0;                // That the breaker asked for.
  std::vector<DomainAccuracy> domains;  // eval.domains, in their order.

  bool operator==(const TrainReport&) const = default;
};

// The report as one JSON object. A loss that is not finite becomes null, bytes that are not UTF-8 a
// replacement character.
std::string ReportToJson(const TrainReport& report);

}  // namespace sluice::train
