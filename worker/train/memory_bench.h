#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/train/step_bench.h"

namespace sluice::train {

// What `sluice-worker bench --what memory` is told.
struct MemoryBenchConfig : StepBenchConfig {
  std::vector<std::string> activations = {"fp32", "fp8"};
};

// Bytes of one real step of one process, beside those that are planned (worker/gate/bytes.h): each
// mode at each rate with the activations kept in each form. Prints a line per row; returns
// {"rows":[{"mode","rate","model","batch","activations","parameter_bytes","gradient_bytes",
// "optimizer_bytes","saved_bytes","planned_saved_bytes","total_bytes","planned_bytes",
// "planned_over_measured","peak_bytes","gradient_cosine"}…]}. `saved_bytes`: what the forward keeps
// for the backward; `peak_bytes`: the most of a step beyond what it starts with;
// `gradient_cosine`: to the gradient with activations kept in float32, over all parameters.
// INVALID_ARGUMENT for values that do not fit.
absl::StatusOr<std::string> RunMemoryBench(const MemoryBenchConfig& config);

}  // namespace sluice::train
