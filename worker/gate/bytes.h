#pragma once

#include <cstdint>

#include "worker/gate/flops.h"
#include "worker/memory/memory_config.h"
#include "worker/model/vit_config.h"

namespace sluice::gate {

// Bytes of tensors that one rank holds between a training step's forward and its backward.
struct StepBytes {
  int64_t parameters = 0;
  int64_t gradients = 0;    // Buckets of the reduction are these, not copies.
  int64_t optimizer = 0;    // AdamW's two moments.
  int64_t activations = 0;  // What the forward keeps for the backward.
  // With activation checkpointing, what the backward holds of one block beyond that.
  int64_t recomputed = 0;

  int64_t total() const { return parameters + gradients + optimizer + activations + recomputed; }
};

// Counted from the shapes, for float32 parameters that are all trained: without adapters, footprint
// gate and uncertainty heads, and without what a kernel needs while it runs. Images of a rank are
// equally open. Mode mask counts as dense. Pure.
StepBytes CountBytes(const model::VitConfig& config, const StepShape& shape,
                     const memory::Settings& settings);

}  // namespace sluice::gate
