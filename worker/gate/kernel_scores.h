#pragma once

#include <cstdint>

#include "worker/torch.h"

namespace sluice::gate {

// The formulas of score.h by the kernels of kernels/token_entropy.h and attention_entropy.h; on
// the CPU images are spread over LibTorch's threads. Only for tensors that KernelsTake.

// Whether `x` is float32, three-dimensional and needs no graph, and this thread has no
// WithoutKernels.
bool KernelsTake(const torch::Tensor& x);

// While it lives, this thread's scores come from LibTorch's operators: what kernels are measured
// against.
class WithoutKernels {
 public:
  WithoutKernels();
  ~WithoutKernels();
  WithoutKernels(const WithoutKernels&) = delete;
  WithoutKernels& operator=(const WithoutKernels&) = delete;

 private:
  bool before_;
};

// logits [G, n, K], K >= 2 -> [G, n].
torch::Tensor KernelEntropyScores(const torch::Tensor& logits);
torch::Tensor KernelInformationScores(const torch::Tensor& logits);
// logits [G, n, K], K >= 2 -> [G].
torch::Tensor KernelImageEntropies(const torch::Tensor& logits);
// Normalised entropy of the attention of queries from `first_query` on: qkv [G, T, 3D] ->
// [G, heads, T - first_query].
torch::Tensor KernelAttentionEntropies(const torch::Tensor& qkv, int64_t heads,
                                       int64_t first_query);

}  // namespace sluice::gate
