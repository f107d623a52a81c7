#include "worker/gate/cuda_kernels.h"

// The one place where the worker meets kernels of its own on a GPU. No machine that Sluice is
// tested on has one: this file is compiled and linked, and what it launches is tested on the host
// harness (tests/kernels/cuda_bodies_test.cc), but it has never run.
#ifdef SLUICE_WITH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda/launch.h"
#endif

namespace sluice::gate {

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
#else
torch::Tensor CudaRowCompact(const torch::Tensor&, const torch::Tensor&) {
  TORCH_CHECK(false, "a CUDA tensor in a build without CUDA: build the preset cuda");
}

torch::Tensor CudaRowScatter(const torch::Tensor&, const torch::Tensor&, int64_t) {
  TORCH_CHECK(false, "a CUDA tensor in a build without CUDA: build the preset cuda");
}
#endif

}  // namespace sluice::gate
