#include "worker/gate/row_ops.h"

namespace sluice::gate {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using torch::autograd::variable_list;

class GatherRowsFunction : public torch::autograd::Function<GatherRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& index) {
    context->save_for_backward({index});
    context->saved_data["rows"] = x.size(0);
    return x.index_select(0, index);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    const torch::Tensor& grad = grads[0];
    torch::Tensor result =
        torch::zeros({context->saved_data["rows"].toInt(), grad.size(1)}, grad.options());
    result.index_copy_(0, index, grad);
    return {result, torch::Tensor()};
  }
};

class ReplaceRowsFunction : public torch::autograd::Function<ReplaceRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& base,
                               const torch::Tensor& index, const torch::Tensor& rows) {
    context->save_for_backward({index});
    return base.index_copy(0, index, rows);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    return {torch::Tensor(), torch::Tensor(), grads[0].index_select(0, index)};
  }
};

}  // namespace

torch::Tensor GatherRows(const torch::Tensor& x, const torch::Tensor& index) {
  return GatherRowsFunction::apply(x, index);
}

torch::Tensor ReplaceRows(const torch::Tensor& base, const torch::Tensor& index,
                          const torch::Tensor& rows) {
  return ReplaceRowsFunction::apply(base, index, rows);
}

}  // namespace sluice::gate
