#pragma once

#include <cstdint>
#include <utility>

#include "kernels/attention_entropy.h"
#include "worker/torch.h"

namespace sluice {

// kernels/cuda/ for contiguous CUDA tensors on one device, on its current stream; what they compute
// stands in the headers of kernels/. They throw what CUDA says if a launch fails, and in a build
// without CUDA, which has no such tensors, always.

// x [R, D] float32, index [T] int64, each row at most once -> [T, D].
torch::Tensor CudaRowCompact(const torch::Tensor& x, const torch::Tensor& index);
// Its gradient: grad [T, D] float32 -> [rows, D], row index[i] is grad[i], the others are zero.
torch::Tensor CudaRowScatter(const torch::Tensor& grad, const torch::Tensor& index, int64_t rows);

// x [R, C] float32 -> codes [R, C] uint8 and scales [R] float32, and back.
std::pair<torch::Tensor, torch::Tensor> CudaFp8Pack(const torch::Tensor& x);
torch::Tensor CudaFp8Unpack(const torch::Tensor& codes, const torch::Tensor& scales);

// logits [G, n, K] float32 -> [G, n], or of the image [G].
enum class TokenScore { kEntropy, kInformation, kImageEntropy };
torch::Tensor CudaTokenEntropy(const torch::Tensor& logits, TokenScore score);
// From the first query's and the first key's element on: [images, heads, queries].
torch::Tensor CudaAttentionEntropy(const kernels::AttentionShape& shape, const torch::Tensor& qkv,
                                   int64_t key_offset);

}  // namespace sluice
