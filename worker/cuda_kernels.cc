#include "worker/cuda_kernels.h"

// The one place where the worker meets kernels of its own on a GPU. No machine that Sluice is
// tested on has one: this file is compiled and linked, and what it launches is tested on the host
// harness (tests/kernels/cuda_bodies_test.cc), but it has never run.
#ifdef SLUICE_WITH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda/launch.h"
#endif

namespace sluice {

#ifdef SLUICE_WITH_CUDA
namespace {

void CheckLaunched(const char* kernel, const char* error) {
  TORCH_CHECK(error == nullptr, "CUDA kernel ", kernel, ": ", error);
}

kernels::cuda::Stream StreamOf(const torch::Tensor& x) {
  return c10::cuda::getCurrentCUDAStream(x.device().index()).stream();
}

}  // namespace

torch::Tensor CudaRowCompact(const torch::Tensor& x, const torch::Tensor& index) {
  const c10::cuda::CUDAGuard guard(x.device());
  torch::Tensor out = torch::empty({index.numel(), x.size(1)}, x.options());
  CheckLaunched("row_compact",
                kernels::cuda::LaunchRowCompact(
                    {x.const_data_ptr<float>(), x.size(1), index.const_data_ptr<int64_t>(),
                     index.numel(), out.mutable_data_ptr<float>()},
                    StreamOf(x)));
  return out;
}

torch::Tensor CudaRowScatter(const torch::Tensor& grad, const torch::Tensor& index, int64_t rows) {
  const c10::cuda::CUDAGuard guard(grad.device());
  torch::Tensor inverse = torch::empty({rows}, index.options());
  torch::Tensor out = torch::empty({rows, grad.size(1)}, grad.options());
  const kernels::cuda::Stream stream = StreamOf(grad);
  auto* const inverse_rows = inverse.mutable_data_ptr<int64_t>();
  CheckLaunched("row_inverse",
                kernels::cuda::LaunchRowInverse(
                    {index.const_data_ptr<int64_t>(), index.numel(), rows, inverse_rows}, stream));
  CheckLaunched("row_scatter",
                kernels::cuda::LaunchRowScatter({grad.const_data_ptr<float>(), grad.size(1),
                                                 inverse_rows, rows, out.mutable_data_ptr<float>()},
                                                stream));
  return out;
}

std::pair<torch::Tensor, torch::Tensor> CudaFp8Pack(const torch::Tensor& x) {
  const c10::cuda::CUDAGuard guard(x.device());
  torch::Tensor codes = torch::empty(x.sizes(), x.options().dtype(torch::kUInt8));
  torch::Tensor scales = torch::empty({x.size(0)}, x.options());
  CheckLaunched("fp8_pack",
                kernels::cuda::LaunchFp8Pack(
                    {x.const_data_ptr<float>(), x.size(0), x.size(1),
                     codes.mutable_data_ptr<uint8_t>(), scales.mutable_data_ptr<float>()},
                    StreamOf(x)));
  return {codes, scales};
}

torch::Tensor CudaFp8Unpack(const torch::Tensor& codes, const torch::Tensor& scales) {
  const c10::cuda::CUDAGuard guard(codes.device());
  torch::Tensor x = torch::empty(codes.sizes(), scales.options());
  CheckLaunched("fp8_unpack", kernels::cuda::LaunchFp8Unpack(
                                  {codes.const_data_ptr<uint8_t>(), scales.const_data_ptr<float>(),
                                   codes.size(0), codes.size(1), x.mutable_data_ptr<float>()},
                                  StreamOf(codes)));
  return x;
}

torch::Tensor CudaTokenEntropy(const torch::Tensor& logits, TokenScore score) {
  const c10::cuda::CUDAGuard guard(logits.device());
  const kernels::TokenEntropyShape shape{logits.size(0), logits.size(1), logits.size(2)};
  const bool of_images = score == TokenScore::kImageEntropy;
  torch::Tensor result = of_images ? torch::empty({shape.images}, logits.options())
                                   : torch::empty({shape.images, shape.tokens}, logits.options());
  torch::Tensor scratch =
      torch::empty({kernels::cuda::TokenEntropyScratch(shape)}, logits.options());
  kernels::TokenEntropyOutput<float> output;
  auto* const to = result.mutable_data_ptr<float>();
  (of_images                       ? output.image_entropy
   : score == TokenScore::kEntropy ? output.entropy
                                   : output.information) = to;
  CheckLaunched("token_entropy", kernels::cuda::LaunchTokenEntropy(
                                     shape, {}, logits.const_data_ptr<float>(), output,
                                     scratch.mutable_data_ptr<float>(), StreamOf(logits)));
  return result;
}

torch::Tensor CudaAttentionEntropy(const kernels::AttentionShape& shape, const torch::Tensor& qkv,
                                   int64_t key_offset) {
  const c10::cuda::CUDAGuard guard(qkv.device());
  torch::Tensor entropy = torch::empty({shape.images, shape.heads, shape.queries()}, qkv.options());
  const float* const q = qkv.const_data_ptr<float>();
  CheckLaunched("attention_entropy",
                kernels::cuda::LaunchAttentionEntropy(
                    {shape, q, q + key_offset, entropy.mutable_data_ptr<float>()}, StreamOf(qkv)));
  return entropy;
}
#else
namespace {

[[noreturn]] void ThrowWithoutCuda() {
  C10_THROW_ERROR(Error, "a CUDA tensor in a build without CUDA: build the preset cuda");
}

}  // namespace

torch::Tensor CudaRowCompact(const torch::Tensor&, const torch::Tensor&) { ThrowWithoutCuda(); }
torch::Tensor CudaRowScatter(const torch::Tensor&, const torch::Tensor&, int64_t) {
  ThrowWithoutCuda();
}
std::pair<torch::Tensor, torch::Tensor> CudaFp8Pack(const torch::Tensor&) { ThrowWithoutCuda(); }
torch::Tensor CudaFp8Unpack(const torch::Tensor&, const torch::Tensor&) { ThrowWithoutCuda(); }
torch::Tensor CudaTokenEntropy(const torch::Tensor&, TokenScore) { ThrowWithoutCuda(); }
torch::Tensor CudaAttentionEntropy(const kernels::AttentionShape&, const torch::Tensor&, int64_t) {
  ThrowWithoutCuda();
}
#endif

}  // namespace sluice
