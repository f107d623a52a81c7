#include "worker/gate/mask.h"

namespace sluice::gate {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class MaskRowsFunction : public torch::autograd::Function<MaskRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& open, const torch::Tensor& u) {
    context->save_for_backward({x, u});
    return x * open.unsqueeze(-1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor& x = saved[0];
    const torch::Tensor& u = saved[1];
    return {grads[0] * u.unsqueeze(-1), torch::Tensor(), (grads[0] * x).sum(-1)};
  }
};

}  // namespace

torch::Tensor MaskRows(const torch::Tensor& x, const torch::Tensor& open, const torch::Tensor& u) {
  return MaskRowsFunction::apply(x, open, u);
}

torch::Tensor AfterMaskedQkv(model::Block& block, const torch::Tensor& x, const torch::Tensor& qkv,
                             const torch::Tensor& open) {
  const std::vector<torch::Tensor> parts = qkv.chunk(3, -1);
  const torch::Tensor attended =
      model::Attend(parts[0], parts[1], parts[2], block->attn->heads, open == 0);
  return block->AfterMlp(block->AfterAttention(x, attended)) * open.unsqueeze(-1);
}

torch::Tensor PoolMasked(model::Vit& vit, const torch::Tensor& x, const torch::Tensor& open) {
  if (vit->config().pool == model::Pool::kClassToken) return vit->BeforePool(x.select(1, 0));
  const torch::Tensor patches = open.slice(1, 1);
  const torch::Tensor sum = (x.slice(1, 1) * patches.unsqueeze(-1)).sum(1);
  return vit->BeforePool(sum / patches.sum(1, /*keepdim=*/true).clamp_min(1));
}

}  // namespace sluice::gate
