#pragma once

#include <math.h>

#include <cfloat>
#include <cstdint>

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.h"

// Body of kernels/attention_entropy.h, which says what it computes: a warp for each query, a block
// for kQueryTile queries of one head, which read keys together, 32 at a time and 32 of their
// columns at a time. A lane has its own keys and its own online softmax; at the end a warp's are
// brought together.
namespace sluice::kernels::cuda {

inline constexpr int kQueryTile = 8;

struct AttentionEntropyShared {
  // One column more than is used, so that lanes that go down a column meet different banks.
  float keys[kWarp][kWarp + 1];
  float queries[kQueryTile][kWarp + 1];
};

// Sums of an online softmax: with x a score less `most`, z = sum of e^x and s = sum of x e^x.
struct RunningEntropy {
  float most = -FLT_MAX, z = 0.0f, s = 0.0f;

  // Exponents below are 0 in float32 anyway, and a product of 0 and -inf would be NaN.
  static SLUICE_DEVICE float Clamp(float x) { return x < -110.0f ? -110.0f : x; }

  SLUICE_DEVICE void MoveTo(float larger) {
    const float move = Clamp(most - larger), factor = expf(move);
    s = (s + move * z) * factor;
    z *= factor;
    most = larger;
  }

  SLUICE_DEVICE void Add(float score) {
    if (score <= most) {
      const float x = Clamp(score - most), e = expf(x);
      z += e;
      s += e * x;
      return;
    }
    // A score of +inf makes NaN when the warp's sums are moved to it: inf - inf.
    MoveTo(score);
    z += 1.0f;
  }
};

// Queries first.. of head `head` of image `image`.
struct QueryTile {
  int64_t image, head, first;

  SLUICE_DEVICE QueryTile(const AttentionShape& shape, int64_t tile) {
    const int64_t tiles = (shape.tokens - shape.first_query + kQueryTile - 1) / kQueryTile;
    image = tile / tiles / shape.heads;
    head = tile / tiles % shape.heads;
    first = shape.first_query + tile % tiles * kQueryTile;
  }
};

// Columns column.. of `rows` rows of the head, from `row` on, into `to`; zero where there are none.
template <class Block, int kRows>
SLUICE_DEVICE void LoadTile(Block& block, const AttentionShape& shape, const float* head,
                            int64_t row, int64_t column, float factor,
                            float (&to)[kRows][kWarp + 1]) {
  for (int i = block.thread; i < kRows * kWarp; i += block.threads) {
    const int r = i / kWarp, c = i % kWarp;
    const bool there = row + r < shape.tokens && column + c < shape.head_dim;
    to[r][c] = there ? factor * head[(row + r) * shape.row_stride + column + c] : 0.0f;
  }
}

// Product of the warp's query with the lane's key, key `first_key` + lane.
template <class Block>
SLUICE_DEVICE float Product(Block& block, AttentionEntropyShared& shared,
                            const AttentionEntropyArgs& a, const QueryTile& tile, const float* q,
                            const float* k, int64_t first_key) {
  const float scale = 1.0f / sqrtf(static_cast<float>(a.shape.head_dim));
  const int warp = block.thread / kWarp, lane = block.thread % kWarp;
  float product = 0.0f;
  for (int64_t column = 0; column < a.shape.head_dim; column += kWarp) {
    LoadTile(block, a.shape, k, first_key, column, 1.0f, shared.keys);
    LoadTile(block, a.shape, q, tile.first, column, scale, shared.queries);
    block.Sync();
    const int64_t rest = a.shape.head_dim - column;
    const int columns = rest < kWarp ? static_cast<int>(rest) : kWarp;
    for (int c = 0; c < columns; ++c) product += shared.queries[warp][c] * shared.keys[lane][c];
    block.Sync();  // Nobody loads over what others still read.
  }
  return product;
}

// The entropy of a warp's query out of its lanes' sums.
template <class Block>
SLUICE_DEVICE float EntropyOfWarp(Block& block, RunningEntropy sums, int64_t keys) {
  const auto add = [](float p, float q) { return p + q; };
  const float most = WarpReduce(block, sums.most, [](float p, float q) { return fmaxf(p, q); });
  sums.MoveTo(most);
  const float z = WarpReduce(block, sums.z, add), s = WarpReduce(block, sums.s, add);
  if (most == -FLT_MAX) return NAN;  // Nothing but -inf.
  const float entropy = (logf(z) - s / z) / (keys > 1 ? logf(static_cast<float>(keys)) : 1.0f);
  return entropy < 0.0f ? 0.0f : entropy > 1.0f ? 1.0f : entropy;  // NaN stays.
}

template <class Block>
SLUICE_DEVICE void AttentionEntropyBody(Block& block, AttentionEntropyShared& shared,
                                        const AttentionEntropyArgs& a) {
  const int64_t queries = a.shape.tokens - a.shape.first_query;
  const int64_t tiles = a.shape.images * a.shape.heads * ((queries + kQueryTile - 1) / kQueryTile);
  const int warp = block.thread / kWarp, lane = block.thread % kWarp;
  for (int64_t i = block.block; i < tiles; i += block.blocks) {
    const QueryTile tile(a.shape, i);
    const int64_t at = tile.image * a.shape.image_stride + tile.head * a.shape.head_dim;
    RunningEntropy sums;
    for (int64_t key = 0; key < a.shape.tokens; key += kWarp) {
      const float product = Product(block, shared, a, tile, a.q + at, a.k + at, key);
      if (key + lane < a.shape.tokens) sums.Add(product);
    }
    const float entropy = EntropyOfWarp(block, sums, a.shape.tokens);
    const int64_t query = tile.first + warp;
    if (lane == 0 && query < a.shape.tokens) {
      a.entropy[(tile.image * a.shape.heads + tile.head) * queries + query - a.shape.first_query] =
          entropy;
    }
  }
}

}  // namespace sluice::kernels::cuda
