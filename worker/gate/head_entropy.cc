#include "worker/gate/head_entropy.h"

#include "worker/gate/score.h"

namespace sluice::gate {

torch::Tensor HeadEntropySums(model::Vit& vit, const torch::Tensor& images, int64_t chunk) {
  const torch::NoGradGuard no_graph;
  const int64_t depth = vit->config().depth, heads = vit->config().heads;
  torch::Tensor sums = torch::zeros({depth, heads}, images.options().dtype(torch::kDouble));
  for (const torch::Tensor& part : images.split(chunk)) {
    torch::Tensor x = vit->Embed(part);
    for (int64_t i = 0; i < depth; ++i) {
      const torch::Tensor qkv = vit->blocks[i]->Qkv(x);
      sums[i] += AttentionEntropies(qkv, heads, 0).to(torch::kDouble).sum(at::IntArrayRef{0, 2});
      if (i + 1 < depth) x = vit->blocks[i]->AfterQkv(x, qkv);
    }
  }
  return sums.flatten();
}

}  // namespace sluice::gate
