#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::study {

// What `sluice-worker bench --what storage` is told.
struct StorageBenchConfig {
  std::string output = "build/bench";
  std::string data_folder = "/usr/share/datasets/fashion-mnist";
  int64_t nproc = 2;
  int64_t seeds = 5;
  int64_t steps = 200;           // Of a run.
  int64_t pretrain_steps = 200;  // Of the model that all start from.
  int64_t images = 4000;         // To train on, others for each seed.
  int64_t eval_images = 2000;
  std::vector<std::string> forms = {"fp8"};  // Against fp32.
};

// The demo's task, the domain `invert` from a model pretrained here, with the activations kept in
// float32 and in each form: as many steps from the same weights on the same images, for each seed.
// Prints each run and the paired differences of accuracy (dense evaluation, percentage points) with
// their standard errors; returns
// {"runs":[{"seed","activations","accuracy_dense","seconds"}…],
//  "differences":[{"activations","mean","standard_error","pairs"}…]}.
absl::StatusOr<std::string> RunStorageBench(const StorageBenchConfig& config);

}  // namespace sluice::study
