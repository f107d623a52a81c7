#include "worker/gate/head_entropy.h"

#include <cmath>

#include "worker/gate/kernel_scores.h"

namespace sluice::gate {
namespace {

// qkv [B, T, 3D] -> sums over images and rows, [heads].
torch::Tensor EntropySums(const torch::Tensor& qkv, int64_t heads) {
  if (KernelsTake(qkv))
    return KernelAttentionEntropies(qkv, heads, 0).to(torch::kDouble).sum(at::IntArrayRef{0, 2});
  const std::vector<torch::Tensor> parts = qkv.chunk(3, -1);
  const auto split = [heads](const torch::Tensor& x) {
    return x.unflatten(-1, {heads, x.size(-1) / heads}).transpose(1, 2);
  };
  const torch::Tensor q = split(parts[0]), k = split(parts[1]);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const torch::Tensor log_a = at::log_softmax(q.matmul(k.transpose(-2, -1)) * scale, -1);
  const double most = std::log(static_cast<double>(qkv.size(1)));
  return -(log_a.exp() * log_a).sum({0, 2, 3}).to(torch::kDouble) / most;
}

}  // namespace

torch::Tensor HeadEntropySums(model::Vit& vit, const torch::Tensor& images, int64_t chunk) {
  const torch::NoGradGuard no_graph;
  const int64_t depth = vit->config().depth, heads = vit->config().heads;
  torch::Tensor sums = torch::zeros({depth, heads}, images.options().dtype(torch::kDouble));
  for (const torch::Tensor& part : images.split(chunk)) {
    torch::Tensor x = vit->Embed(part);
    for (int64_t i = 0; i < depth; ++i) {
      const torch::Tensor qkv = vit->blocks[i]->Qkv(x);
      sums[i] += EntropySums(qkv, heads);
      if (i + 1 < depth) x = vit->blocks[i]->AfterQkv(x, qkv);
    }
  }
  return sums.flatten();
}

}  // namespace sluice::gate
