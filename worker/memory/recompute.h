#pragma once

#include <functional>

#include "worker/torch.h"

namespace sluice::memory {

// Part of a forward: rows in, rows out. Anything else that it reads must not change until the
// backward has run.
using RowsFunction = std::function<torch::Tensor(const torch::Tensor&)>;

// run(x). If this thread's SavedTensors recompute and gradients are wanted, nothing but x (in the
// settings' form) is kept, and the backward runs it once more: activation checkpointing (Chen et
// al., "Training deep nets with sublinear memory cost", 2016). Gradients are to the bit those
// without it while x is kept in float32.
torch::Tensor RunBlock(const RowsFunction& run, const torch::Tensor& x);

}  // namespace sluice::memory
