#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/config/train_config.h"
#include "worker/train/bench_variants.h"

namespace sluice::train {

// What `sluice-worker bench --what step` is told.
struct StepBenchConfig {
  config::ModelConfig model;
  config::MemoryConfig memory;
  config::ComputeConfig compute;
  std::vector<std::string> modes = {"compact", "selective"};
  std::vector<double> rates = {0.25, 0.5, 0.8};
  std::vector<int64_t> layers = {1};
  std::string scorer = "random";
  int64_t classes = 10;
  int64_t batch = 64;
  int64_t threads = 2;
  int64_t rounds = 15;
};

// The model and what is measured of it. Sets LibTorch's threads and what multiplies.
struct BenchPlan {
  model::VitConfig vit;
  std::vector<BenchVariant> variants;  // One at least.
};
absl::StatusOr<BenchPlan> ResolveBench(const StepBenchConfig& config);

// Times whole training steps of one process on made-up images: forward, backward and AdamW, no
// data and no other ranks. In every round each gated step stands beside a dense one, and the ratio
// is the median of the pairs': a machine that changes its speed changes it for both. Prints a line
// per row; returns
// {"rows":[{"mode","rate","model","batch","step_ms","ratio_to_dense","ideal_ratio",
// "peak_bytes","saved_bytes","decision_share"}…]}. Bytes are of tensors made in one step: the most
// there were, and what the forward keeps for the backward. INVALID_ARGUMENT for values that do not
// fit.
absl::StatusOr<std::string> RunStepBench(const StepBenchConfig& config);

}  // namespace sluice::train
