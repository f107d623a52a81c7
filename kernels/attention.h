#pragma once

#include <cstdint>
#include <vector>

namespace sluice::kernels {

// One head of one sequence: softmax(q k' / sqrt(head_dim)) v, each query over all keys. Row t of a
// matrix is the head_dim elements from t * its stride on, as in a product qkv [tokens, 3 * heads *
// head_dim]; strides count elements.
template <typename T>
struct AttentionHead {
  int64_t queries = 0;
  int64_t keys = 0;  // At least 1 if there are queries.
  int64_t head_dim = 0;
  const T* q = nullptr;
  int64_t q_stride = 0;
  const T* k = nullptr;
  const T* v = nullptr;
  int64_t kv_stride = 0;
};

// What a forward hands out: `out` [queries, head_dim], and of each query the logarithm of its sum
// of exponentials, `logsumexp` [queries], for the backward.
template <typename T>
struct AttentionResult {
  T* out = nullptr;
  int64_t out_stride = 0;
  T* logsumexp = nullptr;
};

// The gradient of `out`, and where those of q, k and v go; every row of them is written.
template <typename T>
struct AttentionGradient {
  const T* out = nullptr;
  int64_t out_stride = 0;
  T* q = nullptr;
  int64_t q_stride = 0;
  T* k = nullptr;
  T* v = nullptr;
  int64_t kv_stride = 0;
};

// Memory that calls on one thread use one after the other; it grows as needed.
class AttentionScratch {
 public:
  // `count` floats from a multiple of 64 bytes on, with any values.
  float* Get(int64_t count);

 private:
  std::vector<float> memory_;
};

// Whether the kernels below take such heads: whole vectors of the widest kind, and scratch that
// stays in a second-level cache of a few megabytes.
constexpr bool HasAttention(int64_t head_dim, int64_t most_keys) {
  return head_dim > 0 && head_dim % 16 == 0 && head_dim <= 256 && most_keys <= 4096;
}

// Forward and backward (Dao et al., "FlashAttention", 2022: probabilities are computed again from
// logsumexp), some tens of queries at a time. They run with the widest vectors of the processor
// (chosen at run time). A value is the same whatever else is computed with it: sums have one order.
// A product of NaN or +inf gives NaN. Thread-safe on disjoint results and scratch.
void AttentionForward(const AttentionHead<float>& head, const AttentionResult<float>& result,
                      AttentionScratch& scratch);
void AttentionBackward(const AttentionHead<float>& head, const AttentionResult<const float>& result,
                       const AttentionGradient<float>& gradient, AttentionScratch& scratch);

// The same in plain loops, any head_dim: the references.
void AttentionForward(const AttentionHead<double>& head, const AttentionResult<double>& result);
void AttentionBackward(const AttentionHead<double>& head,
                       const AttentionResult<const double>& result,
                       const AttentionGradient<double>& gradient);

}  // namespace sluice::kernels
