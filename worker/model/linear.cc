#include "worker/model/linear.h"

#include "worker/memory/autocast.h"
#include "worker/model/gemm.h"
#include "worker/model/products.h"

namespace at::native {
// LibTorch's product by oneDNN: result = alpha a b + beta result. It is exported, but its header is
// not part of the wheel.
void mkldnn_matmul(const Tensor& a, const Tensor& b, const Tensor& result, float beta, float alpha);
}  // namespace at::native

namespace sluice::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Multiplications from which on a call of oneDNN's is worth its preparation.
constexpr int64_t kLeastForOneDnn = 64 * 64 * 64;

bool ForOneDnn(const torch::Tensor& a, const torch::Tensor& b, int64_t columns) {
  const auto fits = [](const torch::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat;
  };
  return CurrentGemm() == Gemm::kOneDnn && fits(a) && fits(b) &&
         a.numel() * columns >= kLeastForOneDnn && !memory::Autocast::IsOn(a.device());
}

void MultiplyByOneDnn(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& result) {
  at::native::mkldnn_matmul(a, b, result, /*beta=*/0.0F, /*alpha=*/1.0F);
}

// The sizes of `like` with another last one.
std::vector<int64_t> Shape(const torch::Tensor& like, int64_t last) {
  std::vector<int64_t> shape = like.sizes().vec();
  shape.back() = last;
  return shape;
}

torch::Tensor ComputeByOneDnn(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias) {
  torch::Tensor y = torch::empty(Shape(x, weight.size(0)), x.options());
  MultiplyByOneDnn(x.reshape({-1, x.size(-1)}), weight.t(), y.view({-1, weight.size(0)}));
  if (bias.defined()) y.add_(bias);
  return y;
}

// The gradient of a linear layer whose result is `y` already.
class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight,
                               const std::optional<torch::Tensor>& bias, torch::Tensor* y) {
    context->saved_data["bias"] = bias.has_value();
    // What the gradient of a constant would need is not kept.
    context->save_for_backward(
        {weight.requires_grad() ? x.reshape({-1, x.size(-1)}) : torch::Tensor(),
         x.requires_grad() ? weight : torch::Tensor()});
    return std::move(*y);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor g = grads[0].reshape({-1, grads[0].size(-1)});
    torch::Tensor dx, dw, db;
    if (context->needs_input_grad(0))
      dx = Multiply(g, saved[1]).view(Shape(grads[0], saved[1].size(1)));
    if (context->needs_input_grad(1)) dw = Multiply(g.t(), saved[0]);
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) db = g.sum(0);
    return {dx, dw, db, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor Multiply(const torch::Tensor& a, const torch::Tensor& b) {
  if (!ForOneDnn(a, b, b.size(1))) return at::mm(a, b);
  torch::Tensor result = torch::empty({a.size(0), b.size(1)}, a.options());
  MultiplyByOneDnn(a, b, result);
  return result;
}

torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& bias) {
  torch::Tensor y = RecallProducts::Next();
  if (!y.defined() && !ForOneDnn(x, weight, weight.size(0))) {
    y = at::linear(x, weight, bias);
    if (!memory::Autocast::IsOn(x.device())) RecordProducts::Note(y);
    return y;
  }
  if (!y.defined()) {
    const torch::NoGradGuard no_graph;
    y = ComputeByOneDnn(x, weight, bias);
    RecordProducts::Note(y);
  }
  return LinearFunction::apply(
      x, weight, bias.defined() ? std::optional(bias) : std::optional<torch::Tensor>(), &y);
}

}  // namespace sluice::model
