#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "worker/model/vit.h"
#include "worker/torch.h"

// The oracle of mode `compact` in plain dense autograd, written from the definition and sharing no
// code with it but the parameters: every operation is spelled out.
namespace sluice::gate::testing {

using NamedGradients = std::map<std::string, torch::Tensor>;

// Gradient of `loss` for every parameter by name; zero where the loss does not depend on it.
inline NamedGradients Gradients(model::Vit& vit, const torch::Tensor& loss) {
  vit->zero_grad();
  loss.backward();
  NamedGradients result;
  for (const auto& item : vit->named_parameters()) {
    const torch::Tensor& p = item.value();
    result[item.key()] = p.grad().defined() ? p.grad().clone() : torch::zeros_like(p);
  }
  return result;
}

inline torch::Tensor PlainNorm(const torch::Tensor& x, const torch::nn::LayerNorm& norm,
                               double epsilon) {
  const torch::Tensor mean = x.mean(-1, true);
  const torch::Tensor variance = (x - mean).pow(2).mean(-1, true);
  return (x - mean) / (variance + epsilon).sqrt() * norm->weight + norm->bias;
}

// Loss of the dense model in which `open` [B * N] says which patches are open; see
// worker/gate/compact.h.
inline torch::Tensor DenseOracleLoss(model::Vit& vit, const torch::Tensor& images,
                                     const torch::Tensor& labels, int64_t layer,
                                     const std::vector<uint8_t>& open) {
  const model::VitConfig& c = vit->config();
  const int64_t batch = images.size(0);
  const torch::Tensor mask = torch::tensor(std::vector<int64_t>(open.begin(), open.end()))
                                 .reshape({batch, -1})
                                 .to(torch::kBool);
  const torch::Tensor is_open =
      torch::cat({torch::ones({batch, 1}, torch::kBool), mask}, 1).unsqueeze(-1);  // [B, T, 1]
  const auto detach_closed = [&](const torch::Tensor& x) {
    return torch::where(is_open, x, x.detach());
  };

  torch::Tensor patches =
      torch::conv2d(images, vit->patch_proj->weight, vit->patch_proj->bias, c.patch);
  patches = patches.flatten(2).transpose(1, 2);
  torch::Tensor x =
      torch::cat({vit->cls_token.expand({batch, 1, c.dim}), patches}, 1) + vit->pos_embed;
  if (c.pre_norm) x = PlainNorm(x, vit->norm_pre, c.norm_epsilon);
  x = detach_closed(x);
  for (int64_t i = 0; i < c.depth; ++i) {
    const auto& b = vit->blocks[i];
    const bool before_gate = i < layer;
    const torch::Tensor h = PlainNorm(x, b->norm1, c.norm_epsilon);
    const torch::Tensor qkv = torch::matmul(h, b->attn->qkv->weight.t()) + b->attn->qkv->bias;
    const auto parts =
        qkv.reshape({batch, -1, 3, c.heads, c.head_dim()}).permute({2, 0, 3, 1, 4}).unbind(0);
    const torch::Tensor open_row = is_open.unsqueeze(1);  // [B, 1, T, 1]
    const auto keep = [&](const torch::Tensor& t) {
      return before_gate ? torch::where(open_row, t, t.detach()) : t;
    };
    torch::Tensor scores =
        torch::matmul(parts[0], keep(parts[1]).transpose(-1, -2)) / std::sqrt(double(c.head_dim()));
    if (!before_gate) {
      scores = scores.masked_fill(open_row.transpose(-1, -2).logical_not(),
                                  -std::numeric_limits<double>::infinity());
    }
    torch::Tensor out =
        torch::matmul(torch::softmax(scores, -1), keep(parts[2])).transpose(1, 2).flatten(2);
    out = torch::matmul(out, b->attn->proj->weight.t()) + b->attn->proj->bias;
    if (c.layer_scale) out = out * b->ls1->gamma;
    x = x + detach_closed(out);
    torch::Tensor m = PlainNorm(x, b->norm2, c.norm_epsilon);
    m = torch::matmul(m, b->mlp->fc1->weight.t()) + b->mlp->fc1->bias;
    m = 0.5 * m * (1 + torch::erf(m / std::sqrt(2.0)));
    m = torch::matmul(m, b->mlp->fc2->weight.t()) + b->mlp->fc2->bias;
    if (c.layer_scale) m = m * b->ls2->gamma;
    x = x + detach_closed(m);
  }
  const torch::Tensor weight = mask.to(x.scalar_type()).unsqueeze(-1);
  torch::Tensor pooled =
      c.pool == model::Pool::kClassToken
          ? PlainNorm(x.select(1, 0), vit->norm, c.norm_epsilon)
          : PlainNorm((x.slice(1, 1) * weight).sum(1) / weight.sum(1).clamp_min(1), vit->fc_norm,
                      c.norm_epsilon);
  const torch::Tensor logits = torch::matmul(pooled, vit->head->weight.t()) + vit->head->bias;
  const torch::Tensor per_image =
      torch::logsumexp(logits, 1) - logits.gather(1, labels.unsqueeze(1)).squeeze(1);
  return (per_image * mask.any(1).to(x.scalar_type())).sum();
}

}  // namespace sluice::gate::testing
