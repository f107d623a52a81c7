#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::study {

// What the benchmark of forgetting is told.
struct ContinualConfig {
  std::string output = "build/continual";
  std::string data_folder = "/usr/share/datasets/fashion-mnist";
  // Shifts of the domain, in their order; the first is learnt densely by all strategies together.
  std::vector<std::string> domains = {"none", "invert", "rotate90", "noise", "flip_shift"};
  std::vector<std::string> strategies;  // Empty: all.
  int64_t nproc = 2;
  int64_t seeds = 3;
  int64_t first_steps = 400;  // On the first domain,
  int64_t steps = 120;        // and on each of the others.
  int64_t batch = 32;
  int64_t images = 4000;      // Of a domain, to train on,
  int64_t eval_images = 500;  // and to test on.
  int64_t buffer_images = 400;
  double lr = 1e-3;
  double rate = 0.15;
  double gated_steps = 2.0;
  double recipe_rate = 0.14;
  double recipe_steps = 1.25;
  double recipe_batch = 1.5;
  double recipe_share = 0.5;
  bool digits = false;  // scikit-learn's, instead of Fashion-MNIST.
  bool quick = false;
  bool fresh = false;
};

// A quick run's values, the digits', and every strategy where none is named. INVALID_ARGUMENT for
// fewer than two domains or one twice, for a strategy without sft beside it, and for digits without
// their folder.
absl::Status ResolveContinual(ContinualConfig& config);

}  // namespace sluice::study
