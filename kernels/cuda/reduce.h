#pragma once

#include "kernels/cuda/device.h"

namespace sluice::kernels::cuda {

// One value for each warp of the largest block.
template <typename T>
struct WarpSlots {
  T value[kWarp];
};

// `combine` of every lane's `value`, the same on all lanes of the warp.
template <class Block, typename T, class Combine>
SLUICE_DEVICE T WarpReduce(Block& block, T value, Combine combine) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    value = combine(value, block.ShuffleXor(value, mask));
  }
  return value;
}

// The same over the block. Lanes must all come here; `slots` may be used again at once.
template <class Block, typename T, class Combine>
SLUICE_DEVICE T BlockReduce(Block& block, WarpSlots<T>& slots, T value, Combine combine) {
  value = WarpReduce(block, value, combine);
  const int warps = block.threads / kWarp;
  if (block.thread % kWarp == 0) slots.value[block.thread / kWarp] = value;
  block.Sync();
  // Each lane combines all of them in the same order, so that all have the same bits.
  value = slots.value[0];
  for (int w = 1; w < warps; ++w) value = combine(value, slots.value[w]);
  block.Sync();  // Nobody overwrites slots that others still read.
  return value;
}

}  // namespace sluice::kernels::cuda
