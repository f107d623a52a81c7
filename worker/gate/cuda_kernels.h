#pragma once

#include "worker/torch.h"

namespace sluice::gate {

// kernels/cuda/ for contiguous float32 CUDA tensors x [R, D], grad [T, D] and a contiguous int64
// index [T] on the same device, each row at most once; on its current stream. They throw what CUDA
// says if a launch fails, and in a build without CUDA, which has no such tensors, always.
torch::Tensor CudaRowCompact(const torch::Tensor& x, const torch::Tensor& index);
// [rows, D]: row index[i] is grad[i], the others are zero.
torch::Tensor CudaRowScatter(const torch::Tensor& grad, const torch::Tensor& index, int64_t rows);

}  // namespace sluice::gate
