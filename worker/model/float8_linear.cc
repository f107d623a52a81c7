#include "worker/model/float8_linear.h"

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "kernels/fp8.h"

#ifdef SLUICE_WITH_CUDA
#include <cuda_runtime_api.h>
#endif

namespace sluice::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Scaled {
  torch::Tensor codes;
  torch::Tensor scale;  // [] float32
};

Scaled ToE4m3(const torch::Tensor& x) {
  const torch::Tensor scale =
      (x.abs().max().to(torch::kFloat) / kernels::kMostFp8).clamp_min(1e-12);
  return {(x / scale).clamp(-kernels::kMostFp8, kernels::kMostFp8).to(torch::kFloat8_e4m3fn),
          scale};
}

class Float8LinearFunction : public torch::autograd::Function<Float8LinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    const torch::Tensor rows = x.flatten(0, -2).to(torch::kBFloat16);
    context->save_for_backward({rows, weight});
    const Scaled a = ToE4m3(rows), b = ToE4m3(weight);
    const torch::Tensor product =
        at::_scaled_mm(a.codes, b.codes.t(), a.scale, b.scale, bias.to(torch::kBFloat16),
                       /*scale_result=*/{}, torch::kBFloat16);
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return product.reshape(shape);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor g = grads[0].to(torch::kBFloat16);
    const torch::Tensor rows = g.flatten(0, -2);
    return {g.matmul(saved[1].to(torch::kBFloat16)),
            rows.t().mm(saved[0]).to(saved[1].scalar_type()),
            rows.sum(0).to(saved[1].scalar_type())};
  }
};

}  // namespace

torch::Tensor Float8Linear(const torch::Tensor& x, const torch::Tensor& weight,
                           const torch::Tensor& bias) {
  return Float8LinearFunction::apply(x, weight, bias);
}

absl::Status CheckFloat8(const torch::Device& device) {
  const std::string expected =
      "false, or a GPU of compute capability 8.9 or newer (sm_89, sm_90): this run's device is ";
  if (!device.is_cuda())
    return BadValue("memory.fp8_matmul", "true", absl::StrCat(expected, device.str()));
#ifdef SLUICE_WITH_CUDA
  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device.index());
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device.index());
  if (10 * major + minor < 89) {
    return BadValue("memory.fp8_matmul", "true",
                    absl::StrCat(expected, device.str(), ", of ", major, ".", minor));
  }
#endif
  return absl::OkStatus();
}

}  // namespace sluice::model
