#include "worker/model/projection.h"

#include "worker/memory/autocast.h"
#include "worker/model/float8_linear.h"
#include "worker/model/linear.h"

namespace sluice::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A linear layer whose gradient is computed for some rows or columns of the weight.
class PartlyOpen : public torch::autograd::Function<PartlyOpen> {
 public:
  // `index` may be empty. `bias_is_open` is of columns.
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               const torch::Tensor& index, bool rows, bool bias_is_open) {
    context->saved_data["rows"] = rows;
    context->saved_data["bias"] = bias_is_open;
    // Of columns, only the open ones of x are needed.
    context->save_for_backward({rows ? x : x.index_select(-1, index), weight, index});
    return Linear(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    // Under autocast the product was one of bfloat16, and so is its gradient.
    const torch::ScalarType type = grads[0].scalar_type();
    const torch::Tensor x = saved[0].flatten(0, -2).to(type), weight = saved[1].to(type);
    const torch::Tensor index = saved[2], g = grads[0].flatten(0, -2);
    torch::Tensor dx, dw = torch::zeros_like(weight), db;
    if (context->needs_input_grad(0)) {
      std::vector<int64_t> shape = grads[0].sizes().vec();
      shape.back() = weight.size(1);
      dx = Multiply(g, weight).view(shape);
    }
    if (context->saved_data["rows"].toBool()) {
      const torch::Tensor open = g.index_select(1, index);
      dw.index_copy_(0, index, Multiply(open.t(), x));
      db = torch::zeros({weight.size(0)}, g.options()).index_copy_(0, index, open.sum(0));
    } else {
      dw.index_copy_(1, index, Multiply(g.t(), x));
      if (context->saved_data["bias"].toBool()) db = g.sum(0);
    }
    return {dx, dw, db, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

torch::Tensor ApplyLinear(const OpenPart& part, const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, bool float8) {
  using Weight = OpenPart::Weight;
  if (part.weight == Weight::kAll || !weight.requires_grad() || !at::GradMode::is_enabled())
    return float8 && memory::Autocast::IsOn(x.device()) ? Float8Linear(x, weight, bias)
                                                        : Linear(x, weight, bias);
  if (part.weight == Weight::kNone)
    return Linear(x, weight.detach(), part.bias ? bias : bias.detach());
  return PartlyOpen::apply(x, weight, bias, part.index, part.weight == Weight::kRows, part.bias);
}

// `part` of the rows first..first + count - 1.
OpenPart Narrow(const OpenPart& part, int64_t first, int64_t count) {
  if (part.weight != OpenPart::Weight::kRows) return part;
  OpenPart narrow = part;
  const torch::Tensor inside = (part.index >= first).logical_and(part.index < first + count);
  narrow.index = part.index.masked_select(inside) - first;
  return narrow;
}

}  // namespace

torch::Tensor Projection::operator()(const torch::Tensor& x) const {
  return Rows(x, 0, linear_->weight.size(0));
}

torch::Tensor Projection::Rows(const torch::Tensor& x, int64_t first, int64_t count) const {
  const bool all = count == linear_->weight.size(0);
  const auto rows = [&](const torch::Tensor& t) { return all ? t : t.narrow(0, first, count); };
  const torch::Tensor weight = rows(linear_->weight), bias = rows(linear_->bias);
  const OpenPart part = all ? part_ : Narrow(part_, first, count);
  if (!adapter_) return ApplyLinear(part, x, weight, bias, float8_);
  const auto own = [&](const torch::Tensor& t) { return adapter_is_open_ ? t : t.detach(); };
  if (adapter_->scales_input())
    return ApplyLinear(part, x * own(adapter_->ia3)[0], weight, bias, float8_);
  const torch::Tensor y = ApplyLinear(part, x, weight, bias, float8_);
  if (adapter_->ia3.defined()) return y * rows(own(adapter_->ia3)).squeeze(1);
  const torch::Tensor low = Linear(x, own(adapter_->lora_a), {});
  return y + adapter_->scale * Linear(low, rows(own(adapter_->lora_b)), {});
}

}  // namespace sluice::model
