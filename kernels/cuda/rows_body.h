#pragma once

#include <cstdint>

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"

// Bodies of kernels/rows.h, which says what they compute: one block for each row that is written.
namespace sluice::kernels::cuda {

template <class Block>
SLUICE_DEVICE void RowCompactBody(Block& block, const RowCompactArgs& a) {
  for (int64_t i = block.block; i < a.count; i += block.blocks) {
    const float* from = a.x + a.index[i] * a.columns;
    for (int64_t c = block.thread; c < a.columns; c += block.threads) {
      a.out[i * a.columns + c] = from[c];
    }
  }
}

// What it does not write is -1 already.
template <class Block>
SLUICE_DEVICE void RowInverseBody(Block& block, const RowInverseArgs& a) {
  const int64_t lanes = static_cast<int64_t>(block.blocks) * block.threads;
  const int64_t lane = static_cast<int64_t>(block.block) * block.threads + block.thread;
  for (int64_t i = lane; i < a.count; i += lanes) a.inverse[a.index[i]] = i;
}

template <class Block>
SLUICE_DEVICE void RowScatterBody(Block& block, const RowScatterArgs& a) {
  for (int64_t r = block.block; r < a.rows; r += block.blocks) {
    const int64_t from = a.inverse[r];
    for (int64_t c = block.thread; c < a.columns; c += block.threads) {
      a.out[r * a.columns + c] = from < 0 ? 0.0f : a.grad[from * a.columns + c];
    }
  }
}

}  // namespace sluice::kernels::cuda
