#pragma once

#include "worker/train/optimizer.h"

namespace sluice::train::testing {

// Gives every parameter a gradient of its own for `step`.
inline void SetGradients(const Optimizer& optimizer, int step) {
  torch::manual_seed(100 + step);
  for (torch::Tensor p : optimizer.parameters())
    p.mutable_grad() = torch::randn(p.sizes(), p.options().requires_grad(false));
}

}  // namespace sluice::train::testing
