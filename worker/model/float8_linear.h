#pragma once

#include "absl/status/status.h"
#include "worker/torch.h"

namespace sluice::model {

// x weight^T + bias with both factors of the forward product in e4m3, each with one scale (its
// largest value / 448), and the backward's products in bfloat16. x [..., in], weight [out, in],
// bias [out]; in and out multiples of 16; CUDA tensors on a GPU that CheckFloat8 accepts.
torch::Tensor Float8Linear(const torch::Tensor& x, const torch::Tensor& weight,
                           const torch::Tensor& bias);

// OK if `device` multiplies e4m3 matrices: a GPU of compute capability 8.9 or newer.
// INVALID_ARGUMENT that names the option and what the device is otherwise.
absl::Status CheckFloat8(const torch::Device& device);

}  // namespace sluice::model
