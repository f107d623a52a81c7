#include "worker/model/block.h"

#include <limits>

namespace sluice::model {

namespace nn = torch::nn;

LayerScaleImpl::LayerScaleImpl(int64_t dim, double init) {
  gamma = register_parameter("gamma", torch::full({dim}, init));
}

AttentionImpl::AttentionImpl(int64_t dim, int64_t head_count) : heads(head_count) {
  qkv = register_module("qkv", nn::Linear(dim, 3 * dim));
  proj = register_module("proj", nn::Linear(dim, dim));
}

MlpImpl::MlpImpl(int64_t dim, int64_t hidden) {
  fc1 = register_module("fc1", nn::Linear(dim, hidden));
  fc2 = register_module("fc2", nn::Linear(hidden, dim));
}

BlockImpl::BlockImpl(const VitConfig& config) : activation_(config.activation) {
  const auto norm = nn::LayerNormOptions({config.dim}).eps(config.norm_epsilon);
  norm1 = register_module("norm1", nn::LayerNorm(norm));
  attn = register_module("attn", Attention(config.dim, config.heads));
  if (config.layer_scale)
    ls1 = register_module("ls1", LayerScale(config.dim, config.layer_scale_init));
  norm2 = register_module("norm2", nn::LayerNorm(norm));
  mlp = register_module("mlp", Mlp(config.dim, config.mlp_dim));
  if (config.layer_scale)
    ls2 = register_module("ls2", LayerScale(config.dim, config.layer_scale_init));
}

torch::Tensor BlockImpl::Qkv(const torch::Tensor& x) { return attn->qkv(norm1(x)); }

torch::Tensor BlockImpl::Query(const torch::Tensor& normed) {
  const int64_t dim = normed.size(-1);
  return at::linear(normed, attn->qkv->weight.narrow(0, 0, dim), attn->qkv->bias.narrow(0, 0, dim));
}

torch::Tensor BlockImpl::KeyValue(const torch::Tensor& normed) {
  const int64_t dim = normed.size(-1);
  return at::linear(normed, attn->qkv->weight.narrow(0, dim, 2 * dim),
                    attn->qkv->bias.narrow(0, dim, 2 * dim));
}

torch::Tensor BlockImpl::AfterAttention(const torch::Tensor& x, const torch::Tensor& attended) {
  torch::Tensor out = attn->proj(attended);
  if (!ls1.is_empty()) out = out * ls1->gamma;
  return x + out;
}

torch::Tensor BlockImpl::AfterMlp(const torch::Tensor& x) {
  torch::Tensor hidden = mlp->fc1(norm2(x));
  hidden =
      activation_ == Activation::kGelu ? at::gelu(hidden) : hidden * at::sigmoid(1.702 * hidden);
  torch::Tensor out = mlp->fc2(hidden);
  if (!ls2.is_empty()) out = out * ls2->gamma;
  return x + out;
}

torch::Tensor BlockImpl::AfterQkv(const torch::Tensor& x, const torch::Tensor& qkv) {
  const std::vector<torch::Tensor> parts = qkv.chunk(3, -1);
  return AfterMlp(AfterAttention(x, Attend(parts[0], parts[1], parts[2], attn->heads)));
}

torch::Tensor BlockImpl::Forward(const torch::Tensor& x) { return AfterQkv(x, Qkv(x)); }

torch::Tensor BlockImpl::ForwardClassToken(const torch::Tensor& x) {
  const torch::Tensor normed = norm1(x);
  const std::vector<torch::Tensor> kv = KeyValue(normed).chunk(2, -1);
  const torch::Tensor attended =
      Attend(Query(normed.narrow(1, 0, 1)), kv[0], kv[1], attn->heads).squeeze(1);
  return AfterMlp(AfterAttention(x.select(1, 0), attended));
}

torch::Tensor Attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                     int64_t heads, const torch::Tensor& closed_keys) {
  const auto split = [heads](const torch::Tensor& x) {
    return x.unflatten(-1, {heads, x.size(-1) / heads})
        .transpose(1, 2);  // [G, heads, rows, head_dim]
  };
  std::optional<torch::Tensor> bias;
  if (closed_keys.defined()) {
    bias = torch::zeros({closed_keys.size(0), 1, 1, closed_keys.size(1)}, q.options())
               .masked_fill_(closed_keys.unsqueeze(1).unsqueeze(1),
                             -std::numeric_limits<double>::infinity());
  }
  return at::scaled_dot_product_attention(split(q), split(k), split(v), bias)
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace sluice::model
