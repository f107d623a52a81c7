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

class MergeRowsFunction : public torch::autograd::Function<MergeRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& a,
                               const torch::Tensor& a_index, const torch::Tensor& b,
                               const torch::Tensor& b_index) {
    context->save_for_backward({a_index});
    std::vector<int64_t> shape = a.sizes().vec();
    shape[0] += b.size(0);
    torch::Tensor all = torch::empty(shape, a.options());
    all.index_copy_(0, a_index, a);
    all.index_copy_(0, b_index, b);
    return all;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    return {grads[0].index_select(0, index), torch::Tensor(), torch::Tensor(), torch::Tensor()};
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

torch::Tensor MergeRows(const torch::Tensor& a, const torch::Tensor& a_index,
                        const torch::Tensor& b, const torch::Tensor& b_index) {
  return MergeRowsFunction::apply(a, a_index, b, b_index);
}

}  // namespace sluice::gate
