#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "worker/model/vit.h"
#include "worker/torch.h"

// The oracle of the gate's modes in plain dense autograd, written from the definitions and sharing
// no code with them but the parameters: every operation is spelled out.
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

// One gate and the patches [B * N] that are open behind it; those of a later one are among them.
struct OracleGate {
  int64_t layer = 1;
  std::vector<uint8_t> open;
};

// kMask: closed tokens are zeroed and hidden, with the straight-through gradient by `scores`.
enum class OracleMode { kCompact, kSelective, kMask };

// Loss of the dense model with these gates; see worker/gate/prefix.h, selective.h and mask.h.
// `scores`: kMask only, [B, N] for each gate, with a graph where the test wants their gradient.
inline torch::Tensor DenseOracleLoss(model::Vit& vit, const torch::Tensor& images,
                                     const torch::Tensor& labels,
                                     const std::vector<OracleGate>& gates, OracleMode mode,
                                     const std::vector<torch::Tensor>& scores = {}) {
  const model::VitConfig& c = vit->config();
  const int64_t batch = images.size(0);
  const auto mask_of = [&](const OracleGate& gate) {
    return torch::tensor(std::vector<int64_t>(gate.open.begin(), gate.open.end()))
        .reshape({batch, -1})
        .to(torch::kBool);
  };
  const auto with_class = [&](const torch::Tensor& mask) {
    return torch::cat({torch::ones({batch, 1}, torch::kBool), mask}, 1).unsqueeze(-1);
  };
  const torch::Tensor mask = mask_of(gates.back());
  const torch::Tensor is_open = with_class(mask);  // [B, T, 1]
  const auto detach_closed = [&](const torch::Tensor& x) {
    return mode == OracleMode::kMask ? x : torch::where(is_open, x, x.detach());
  };
  // What keys are seen in block i; everything before the first gate.
  const auto seen = [&](int64_t i) {
    torch::Tensor result;
    for (const OracleGate& gate : gates) {
      if (gate.layer <= i && mode != OracleMode::kSelective) result = with_class(mask_of(gate));
    }
    return result;
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
    const bool before_gate = i < gates.back().layer;
    for (size_t k = 0; k < gates.size() && mode == OracleMode::kMask; ++k) {
      if (gates[k].layer != i) continue;
      // Value x * open; the gradients are those of x * score.
      const torch::Tensor open = with_class(mask_of(gates[k])).to(x.scalar_type());
      const torch::Tensor score =
          torch::cat({torch::ones({batch, 1}, x.scalar_type()), scores[k]}, 1).unsqueeze(-1);
      x = x * score - (x * score).detach() + (x * open).detach();
    }
    const torch::Tensor h = PlainNorm(x, b->norm1, c.norm_epsilon);
    const torch::Tensor qkv = torch::matmul(h, b->attn->qkv->weight.t()) + b->attn->qkv->bias;
    const auto parts =
        qkv.reshape({batch, -1, 3, c.heads, c.head_dim()}).permute({2, 0, 3, 1, 4}).unbind(0);
    const torch::Tensor open_row = is_open.unsqueeze(1);  // [B, 1, T, 1]
    const auto keep = [&](const torch::Tensor& t) {
      return mode == OracleMode::kSelective || (before_gate && mode == OracleMode::kCompact)
                 ? torch::where(open_row, t, t.detach())
                 : t;
    };
    torch::Tensor attention =
        torch::matmul(parts[0], keep(parts[1]).transpose(-1, -2)) / std::sqrt(double(c.head_dim()));
    if (const torch::Tensor keys = seen(i); keys.defined()) {
      attention = attention.masked_fill(keys.unsqueeze(1).transpose(-1, -2).logical_not(),
                                        -std::numeric_limits<double>::infinity());
    }
    torch::Tensor out =
        torch::matmul(torch::softmax(attention, -1), keep(parts[2])).transpose(1, 2).flatten(2);
    out = torch::matmul(out, b->attn->proj->weight.t()) + b->attn->proj->bias;
    if (c.layer_scale) out = out * b->ls1->gamma;
    x = x + detach_closed(out);
    torch::Tensor m = PlainNorm(x, b->norm2, c.norm_epsilon);
    m = torch::matmul(m, b->mlp->fc1->weight.t()) + b->mlp->fc1->bias;
    m = 0.5 * m * (1 + torch::erf(m / std::sqrt(2.0)));
    m = torch::matmul(m, b->mlp->fc2->weight.t()) + b->mlp->fc2->bias;
    if (c.layer_scale) m = m * b->ls2->gamma;
    x = x + detach_closed(m);
    if (const torch::Tensor keys = seen(i); keys.defined() && mode == OracleMode::kMask) {
      x = x * keys.to(x.scalar_type());
    }
  }
  const torch::Tensor pooled_over = mode == OracleMode::kSelective ? torch::ones_like(mask) : mask;
  const torch::Tensor weight = pooled_over.to(x.scalar_type()).unsqueeze(-1);
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

// One gate in mode compact.
inline torch::Tensor DenseOracleLoss(model::Vit& vit, const torch::Tensor& images,
                                     const torch::Tensor& labels, int64_t layer,
                                     const std::vector<uint8_t>& open) {
  return DenseOracleLoss(vit, images, labels, {{layer, open}}, OracleMode::kCompact);
}

}  // namespace sluice::gate::testing
