#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::study {

// What `sluice-worker bench --what telemetry` is told.
struct TelemetryBenchConfig {
  std::string output = "build/bench";
  std::string data_folder = "/usr/share/datasets/fashion-mnist";
  int64_t nproc = 2;
  int64_t rounds = 8;
  int64_t steps = 200;
  // Mean seconds between two kills (SIGKILL) of the sidecar, which is started again at once; 0:
  // none.
  double kill_every = 0.0;
};

// One round: the same gated training without a sidecar and with one, in turns of half a second.
struct TelemetryRound {
  double off_step_seconds = 0.0;  // Medians.
  double on_step_seconds = 0.0;
  double publisher_share = 0.0;  // The publisher thread's processor time over training seconds.
};

// Quantile 0.975 of Student's t for `degrees` of freedom, at least 1; falls towards the normal's,
// 1.96.
double StudentQuantile(size_t degrees);

// Ratio of step times, on over off, of the rounds: mean of the logarithms, exponentiated, with its
// 95 % confidence interval from Student's t. At least two rounds.
struct RatioInterval {
  double ratio = 1.0;
  double low = 1.0;
  double high = 1.0;
};
RatioInterval StepRatio(const std::vector<TelemetryRound>& rounds);

// Runs the rounds, alternating which side goes first. Prints each and the ratio; returns the whole
// as JSON:
// {"rounds":[{"off_step_ms","on_step_ms","publisher_share"}…],"kills","ratio","low","high"}.
absl::StatusOr<std::string> RunTelemetryBench(const TelemetryBenchConfig& config);

}  // namespace sluice::study
