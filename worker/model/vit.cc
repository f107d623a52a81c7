#include "worker/model/vit.h"

#include <cmath>

#include "worker/memory/recompute.h"
#include "worker/model/linear.h"

namespace sluice::model {
namespace {

namespace nn = torch::nn;

// Holds `proj` under the name patch_embed.proj.
class PatchEmbedImpl : public nn::Module {
 public:
  explicit PatchEmbedImpl(const nn::Conv2d& proj) { register_module("proj", proj); }
};

class BlockListImpl : public nn::Module {
 public:
  explicit BlockListImpl(const std::vector<Block>& blocks) {
    for (size_t i = 0; i < blocks.size(); ++i) register_module(std::to_string(i), blocks[i]);
  }
};

// timm's initialisation: truncated normal of deviation 0.02 for weights, zero for biases.
void InitLinear(nn::Linear& linear) {
  torch::NoGradGuard guard;
  linear->weight.normal_(0.0, 0.02).clamp_(-2.0, 2.0);
  if (linear->bias.defined()) linear->bias.zero_();
}

}  // namespace

VitImpl::VitImpl(const VitConfig& config) : config_(config) {
  const auto norm_options = nn::LayerNormOptions({config.dim}).eps(config.norm_epsilon);
  patch_proj = nn::Conv2d(nn::Conv2dOptions(config.channels, config.dim, config.patch)
                              .stride(config.patch)
                              .bias(!config.pre_norm));
  register_module("patch_embed", std::make_shared<PatchEmbedImpl>(patch_proj));
  cls_token = register_parameter("cls_token", torch::randn({1, 1, config.dim}) * 1e-6);
  pos_embed =
      register_parameter("pos_embed", torch::randn({1, config.tokens(), config.dim}) * 0.02);
  if (config.pre_norm) norm_pre = register_module("norm_pre", nn::LayerNorm(norm_options));
  for (int64_t i = 0; i < config.depth; ++i) {
    blocks.emplace_back(config);
    for (nn::Linear* linear : {&blocks.back()->attn->qkv, &blocks.back()->attn->proj,
                               &blocks.back()->mlp->fc1, &blocks.back()->mlp->fc2}) {
      InitLinear(*linear);
    }
  }
  register_module("blocks", std::make_shared<BlockListImpl>(blocks));
  if (config.pool == Pool::kClassToken) {
    norm = register_module("norm", nn::LayerNorm(norm_options));
  } else {
    fc_norm = register_module("fc_norm", nn::LayerNorm(norm_options));
  }
  head = register_module("head", nn::Linear(config.dim, config.classes));
  InitLinear(head);
}

torch::Tensor VitImpl::Patchify(const torch::Tensor& images) const {
  const int64_t p = config_.patch;
  const int64_t g = config_.grid();
  return images.reshape({images.size(0), config_.channels, g, p, g, p})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({images.size(0), g * g, config_.patch_values()});
}

torch::Tensor VitImpl::Own(const torch::Tensor& parameter) const {
  return rest_is_open_ || !parameter.defined() ? parameter : parameter.detach();
}

torch::Tensor VitImpl::Norm(const torch::nn::LayerNorm& layer, const torch::Tensor& x) const {
  if (layer.is_empty()) return x;
  return at::layer_norm(x, layer->options.normalized_shape(), Own(layer->weight), Own(layer->bias),
                        layer->options.eps());
}

torch::Tensor VitImpl::Embed(const torch::Tensor& images) {
  const torch::Tensor patches = Patchify(images);
  const torch::Tensor weight = Own(patch_proj->weight).flatten(1);
  const torch::Tensor embedded = Linear(patches, weight, Own(patch_proj->bias));
  const torch::Tensor cls = Own(cls_token).expand({images.size(0), 1, config_.dim});
  return Norm(norm_pre, at::cat({cls, embedded}, 1) + Own(pos_embed));
}

torch::Tensor VitImpl::EmbedRows(const EmbeddingRows& rows) {
  const torch::Tensor is_cls =
      (rows.token == 0).to(rows.patches.scalar_type()).unsqueeze(1);  // [T, 1]
  torch::Tensor x = Linear(rows.patches, Own(patch_proj->weight).flatten(1), {}) +
                    at::mm(is_cls, Own(cls_token)[0]);
  if (patch_proj->bias.defined()) x = x + at::mm(1 - is_cls, Own(patch_proj->bias).unsqueeze(0));
  return Norm(norm_pre, x + at::embedding(Own(pos_embed)[0], rows.token));
}

torch::Tensor VitImpl::BeforePool(const torch::Tensor& rows) { return Norm(norm, rows); }

torch::Tensor VitImpl::Classify(const torch::Tensor& pooled) {
  const torch::Tensor rows = Norm(fc_norm, pooled);
  return classifier_is_open_ ? Linear(rows, head->weight, head->bias)
                             : Linear(rows, head->weight.detach(), head->bias.detach());
}

void VitImpl::Attach(const AdapterConfig& config) {
  for (Block& block : blocks) block->Attach(config);
}

void VitImpl::FreezeBackbone() {
  for (torch::Tensor& parameter : parameters()) parameter.set_requires_grad(false);
  for (torch::Tensor& parameter : head->parameters()) parameter.set_requires_grad(true);
}

void VitImpl::SetOpen(const ModelOpen& open) {
  for (size_t i = 0; i < blocks.size(); ++i)
    blocks[i]->SetOpen(open.blocks.empty() ? BlockOpen() : open.blocks[i]);
  rest_is_open_ = open.rest;
  classifier_is_open_ = open.classifier;
}

torch::Tensor VitImpl::PoolFrom(int64_t first_block, torch::Tensor x) {
  const bool by_class_token = config_.pool == Pool::kClassToken;
  for (int64_t i = first_block; i < config_.depth; ++i) {
    const bool last = by_class_token && i + 1 == config_.depth;
    x = memory::RunBlock(
        [block = blocks[i], last](const torch::Tensor& rows) mutable {
          return last ? block->ForwardClassToken(rows) : block->Forward(rows);
        },
        x);
  }
  return BeforePool(by_class_token ? x : x.slice(1, 1).mean(1));
}

torch::Tensor VitImpl::FromBlock(int64_t first_block, torch::Tensor x) {
  return Classify(PoolFrom(first_block, std::move(x)));
}

torch::Tensor VitImpl::Forward(const torch::Tensor& images) { return FromBlock(0, Embed(images)); }

void VitImpl::ReplaceHead(int64_t classes) {
  config_.classes = classes;
  head = nn::Linear(config_.dim, classes);
  InitLinear(head);
  replace_module("head", head);
}

}  // namespace sluice::model
