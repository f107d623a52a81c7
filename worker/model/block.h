#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "worker/model/adapter_config.h"
#include "worker/model/projection.h"
#include "worker/model/vit_config.h"
#include "worker/torch.h"

namespace sluice::model {

// LayerScale: a learnt factor per channel, named `gamma` as in timm.
class LayerScaleImpl : public torch::nn::Module {
 public:
  LayerScaleImpl(int64_t dim, double init);
  torch::Tensor gamma;  // [dim]
};
TORCH_MODULE(LayerScale);

// Projections of multi-head self-attention; qkv's rows are ordered (q, k, v) × head × channel as in
// timm.
class AttentionImpl : public torch::nn::Module {
 public:
  AttentionImpl(int64_t dim, int64_t heads);
  torch::nn::Linear qkv{nullptr};
  torch::nn::Linear proj{nullptr};
  int64_t heads;
};
TORCH_MODULE(Attention);

class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(int64_t dim, int64_t hidden);
  torch::nn::Linear fc1{nullptr};
  torch::nn::Linear fc2{nullptr};
};
TORCH_MODULE(Mlp);

// What of a block may change in the steps to come; the rest gets no gradient.
struct BlockOpen {
  std::vector<uint8_t> heads;  // [heads]; empty: all are open.
  bool mlp = true;
  bool rest = true;  // proj's bias, norms and LayerScale.
  bool adapters = true;
};

// One pre-norm transformer block, in the pieces from which every mode's forward is put together.
// All of them work on rows: any leading shape, D last. Not thread-safe while parameters change.
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const VitConfig& config);

  // Draws adapters (torch's default generator), of the type and device of the weights.
  void Attach(const AdapterConfig& config);
  // The layers that can have one, by their place in the block: attn.qkv, mlp.fc2, …
  std::map<std::string, Projection*> Projections();
  void SetOpen(const BlockOpen& open);

  torch::Tensor Norm1(const torch::Tensor& x) const;
  // qkv of normed rows: [..., D] -> [..., 3D].
  torch::Tensor Qkv(const torch::Tensor& x);
  // The same apart, from rows after norm1: [..., D] -> [..., D], and [..., D] -> [..., 2D].
  torch::Tensor Query(const torch::Tensor& normed);
  torch::Tensor KeyValue(const torch::Tensor& normed);
  // x + ls1(proj(attended)): the residual after attention. Shapes [..., D].
  torch::Tensor AfterAttention(const torch::Tensor& x, const torch::Tensor& attended);
  // x + ls2(mlp(norm2(x))). Shape [..., D].
  torch::Tensor AfterMlp(const torch::Tensor& x);
  // The rest of the block on a dense batch [B, T, D], from its qkv [B, T, 3D] on.
  torch::Tensor AfterQkv(const torch::Tensor& x, const torch::Tensor& qkv);
  // The whole block on a dense batch [B, T, D].
  torch::Tensor Forward(const torch::Tensor& x);
  // Of the same, the class tokens alone, which the last block of most models is run for: [B, D].
  torch::Tensor ForwardClassToken(const torch::Tensor& x);

  torch::nn::LayerNorm norm1{nullptr};
  Attention attn{nullptr};
  LayerScale ls1{nullptr};  // Empty without layer_scale.
  torch::nn::LayerNorm norm2{nullptr};
  Mlp mlp{nullptr};
  LayerScale ls2{nullptr};

 private:
  // With the parameters' graph, or without it while the block's own rest.
  torch::Tensor Norm(const torch::nn::LayerNorm& norm, const torch::Tensor& x) const;
  torch::Tensor Scaled(const LayerScale& scale, const torch::Tensor& x) const;

  Activation activation_;
  Projection qkv_, proj_, fc1_, fc2_;  // With the weights of attn and mlp.
  bool rest_is_open_ = true;
};
TORCH_MODULE(Block);

// Attention of equally long sequences: q [G, t, D], k and v [G, s, D] -> [G, t, D]. Rows may be
// strided views whose last dimension is contiguous. `closed_keys` (bool [G, s], may be undefined)
// marks keys that nobody attends to.
torch::Tensor Attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                     int64_t heads, const torch::Tensor& closed_keys = {});

}  // namespace sluice::model
