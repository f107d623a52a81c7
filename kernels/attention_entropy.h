#pragma once

#include <cstdint>

namespace sluice::kernels {

// Queries and keys of every image as strided rows, as in a product qkv [images, tokens, 3 * heads *
// head_dim]: head h of token t of image i is the head_dim elements from i * image_stride + t *
// row_stride + h * head_dim on. Strides count elements.
struct AttentionShape {
  int64_t images = 0;
  int64_t tokens = 0;  // Keys of every query; at least 1.
  int64_t heads = 1;
  int64_t head_dim = 1;
  int64_t row_stride = 0;
  int64_t image_stride = 0;
  int64_t first_query = 0;  // 1: no query for the class token.

  int64_t queries() const { return tokens - first_query; }
};

// Entropy of each row of attention softmax(q k' / sqrt(head_dim)), divided by the logarithm of the
// number of keys, in [0, 1]: `entropy` [images, heads, queries]. One key gives 0, and a probability
// of 0 adds nothing. A row with a product of NaN or +inf, or nothing but -inf, gives NaN. Streamed
// over keys with an online softmax: scratch does not grow with the number of tokens, and there is
// none outside of the call. Runs with the widest vectors of the processor (chosen at run time).
// Thread-safe on disjoint output: callers split images.
void AttentionEntropy(const AttentionShape& shape, const float* q, const float* k, float* entropy);

// The same in plain loops, a row of attention at a time: the reference.
void AttentionEntropy(const AttentionShape& shape, const double* q, const double* k,
                      double* entropy);

}  // namespace sluice::kernels
