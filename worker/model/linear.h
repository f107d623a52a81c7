#pragma once

#include "worker/torch.h"

namespace sluice::model {

// Products by CurrentGemm() where that is oneDNN and the factors are large enough matrices of
// float32 on a CPU outside of autocast; by LibTorch's own operators, and with them by MKL,
// everywhere else. The same bits on the same processor with the same number of threads.

// x weight^T + bias, as at::linear: x [..., in], weight [out, in], bias [out] or undefined ->
// [..., out].
torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& bias);

// a b without a graph: [M, K], [K, N] -> [M, N]. Either may be a transposed matrix.
torch::Tensor Multiply(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace sluice::model
