#include "worker/model/block.h"

#include <limits>

#include "worker/memory/saved_tensors.h"
#include "worker/model/attention.h"

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
  qkv_ = Projection(attn->qkv);
  proj_ = Projection(attn->proj);
  fc1_ = Projection(mlp->fc1);
  fc2_ = Projection(mlp->fc2);
}

std::map<std::string, Projection*> BlockImpl::Projections() {
  return {{"attn.qkv", &qkv_}, {"attn.proj", &proj_}, {"mlp.fc1", &fc1_}, {"mlp.fc2", &fc2_}};
}

void BlockImpl::Attach(const AdapterConfig& config) {
  const std::map<std::string, Projection*> projections = Projections();
  for (const std::string& target : AdapterTargetNames()) {
    if (!config.has(target)) continue;
    Projection& layer = *projections.at(AdapterTargetPath(target));
    const torch::Tensor& weight = layer.linear()->weight;
    layer.adapter() = MakeAdapter(config, weight.size(1), weight.size(0), target == "fc2",
                                  weight.detach().options());
  }
}

void BlockImpl::SetOpen(const BlockOpen& open) {
  using Weight = OpenPart::Weight;
  const int64_t dim = attn->proj->weight.size(0), width = dim / attn->heads;
  std::vector<int64_t> channels;  // Of the open heads.
  for (int64_t c = 0; c < dim; ++c) {
    if (open.heads.empty() || open.heads[c / width] != 0) channels.push_back(c);
  }
  const bool all = static_cast<int64_t>(channels.size()) == dim;
  const torch::Tensor columns =
      torch::tensor(channels, torch::kLong).to(attn->proj->weight.device());
  const torch::Tensor rows = at::cat({columns, columns + dim, columns + 2 * dim});
  const auto some = [&](Weight kind) {
    return all ? Weight::kAll : channels.empty() ? Weight::kNone : kind;
  };
  qkv_.SetOpen({some(Weight::kRows), rows, !channels.empty()}, open.adapters);
  // A bias that rests while all of the weight is open is a case of columns, too.
  proj_.SetOpen({all && !open.rest ? Weight::kColumns : some(Weight::kColumns), columns, open.rest},
                open.adapters);
  const OpenPart mlp_part{open.mlp ? Weight::kAll : Weight::kNone, {}, open.mlp};
  fc1_.SetOpen(mlp_part, open.adapters);
  fc2_.SetOpen(mlp_part, open.adapters);
  rest_is_open_ = open.rest;
}

torch::Tensor BlockImpl::Norm(const torch::nn::LayerNorm& norm, const torch::Tensor& x) const {
  const auto own = [this](const torch::Tensor& t) { return rest_is_open_ ? t : t.detach(); };
  return at::layer_norm(x, norm->options.normalized_shape(), own(norm->weight), own(norm->bias),
                        norm->options.eps());
}

torch::Tensor BlockImpl::Scaled(const LayerScale& scale, const torch::Tensor& x) const {
  if (scale.is_empty()) return x;
  return x * (rest_is_open_ ? scale->gamma : scale->gamma.detach());
}

torch::Tensor BlockImpl::Norm1(const torch::Tensor& x) const {
  const memory::InBlock kept;
  return Norm(norm1, x);
}

torch::Tensor BlockImpl::Qkv(const torch::Tensor& x) {
  const memory::InBlock kept;
  return qkv_(Norm1(x));
}

torch::Tensor BlockImpl::Query(const torch::Tensor& normed) {
  const memory::InBlock kept;
  const int64_t dim = normed.size(-1);
  return qkv_.Rows(normed, 0, dim);
}

torch::Tensor BlockImpl::KeyValue(const torch::Tensor& normed) {
  const memory::InBlock kept;
  const int64_t dim = normed.size(-1);
  return qkv_.Rows(normed, dim, 2 * dim);
}

torch::Tensor BlockImpl::AfterAttention(const torch::Tensor& x, const torch::Tensor& attended) {
  const memory::InBlock kept;
  return x + Scaled(ls1, proj_(attended));
}

torch::Tensor BlockImpl::AfterMlp(const torch::Tensor& x) {
  const memory::InBlock kept;
  torch::Tensor hidden = fc1_(Norm(norm2, x));
  hidden =
      activation_ == Activation::kGelu ? at::gelu(hidden) : hidden * at::sigmoid(1.702 * hidden);
  return x + Scaled(ls2, fc2_(hidden));
}

torch::Tensor BlockImpl::AfterQkv(const torch::Tensor& x, const torch::Tensor& qkv) {
  const std::vector<AttentionGroup> all = {{x.size(0), x.size(1), x.size(1)}};
  if (HasAttentionKernel(qkv, x.size(2), attn->heads, all)) {
    const torch::Tensor attended = AttendRows(qkv.flatten(0, 1), all, attn->heads);
    return AfterMlp(AfterAttention(x, attended.view_as(x)));
  }
  const std::vector<torch::Tensor> parts = qkv.chunk(3, -1);
  return AfterMlp(AfterAttention(x, Attend(parts[0], parts[1], parts[2], attn->heads)));
}

torch::Tensor BlockImpl::Forward(const torch::Tensor& x) { return AfterQkv(x, Qkv(x)); }

torch::Tensor BlockImpl::ForwardClassToken(const torch::Tensor& x) {
  const torch::Tensor normed = Norm1(x);
  const torch::Tensor kv = KeyValue(normed), q = Query(normed.narrow(1, 0, 1));
  const std::vector<AttentionGroup> all = {{x.size(0), 1, x.size(1)}};
  torch::Tensor attended;
  if (HasAttentionKernel(q, x.size(2), attn->heads, all)) {
    attended = AttendRows(q.squeeze(1), kv.flatten(0, 1), all, attn->heads);
  } else {
    const std::vector<torch::Tensor> parts = kv.chunk(2, -1);
    attended = Attend(q, parts[0], parts[1], attn->heads).squeeze(1);
  }
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
  const memory::InBlock kept(memory::InBlock::Kind::kAttention);
  return at::scaled_dot_product_attention(split(q), split(k), split(v), bias)
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace sluice::model
