#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::train {

// What `sluice-worker bench --what kernels` is told.
struct KernelBenchConfig {
  std::vector<int64_t> classes = {10, 100, 1000};
  int64_t megabytes = 0;  // Of logits; 0: eight times the last-level cache.
  int64_t batch = 64;     // Images of the cases that are not about memory.
  int64_t tokens = 196;
  int64_t threads = 2;
  int64_t rounds = 15;
};

// Times each kernel beside the chain of LibTorch's operators that it stands for, in turn, on
// made-up data: once with a batch's data and once with more than the caches hold. Prints a line per
// row; returns {"rows":[{"kernel","classes","images","tokens","megabytes","kernel_us",
// "operators_us","operators_over_kernel","gigabytes_per_second","read_gigabytes_per_second",
// "bandwidth_share"}…]}.
// Times are medians; `bandwidth_share` is of what a plain sum over the same bytes reads with the
// same threads, in the same turn.
absl::StatusOr<std::string> RunKernelBench(const KernelBenchConfig& config);

}  // namespace sluice::train
