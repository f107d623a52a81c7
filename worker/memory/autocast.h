#pragma once

#include "worker/torch.h"

namespace sluice::memory {

// While one is alive on a thread and is on, LibTorch computes matrix products and attention on
// `device` in bfloat16, with float32 parameters, sums and residuals (LibTorch's autocast). Without
// its cache of converted weights, which would outlive the optimizer's step.
class Autocast {
 public:
  Autocast(const torch::Device& device, bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

  static bool IsOn(const torch::Device& device);

 private:
  torch::DeviceType device_;
  bool before_;
  bool cache_before_;
  torch::ScalarType type_before_;
};

}  // namespace sluice::memory
