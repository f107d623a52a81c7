#pragma once

#include <string>
#include <vector>

#include "worker/model/block.h"
#include "worker/model/vit_config.h"
#include "worker/torch.h"

namespace sluice::model {

// Which rows of a batch to embed. Row r is token `token[r]` (0 is the class token, j the patch j -
// 1) of an image whose patch values stand in `patches[r]` (zeros for a class token).
struct EmbeddingRows {
  torch::Tensor patches;  // [T, patch_values], no gradient.
  torch::Tensor token;    // int64 [T], in [0, tokens).
};

// What of a model may change in the steps to come.
struct ModelOpen {
  std::vector<BlockOpen> blocks;  // [depth]; empty: all of them wholly.
  bool rest = true;               // Embeddings and final norm.
  bool classifier = true;
};

// A vision transformer with timm's parameter names and shapes (patch_embed.proj, cls_token,
// pos_embed, norm_pre, blocks.N…, norm or fc_norm, head). It holds parameters and the pieces of a
// forward; the modes of the gate put them together (worker/gate). Not thread-safe while parameters
// change.
class VitImpl : public torch::nn::Module {
 public:
  // Parameters are drawn from torch's default generator: seed it first. `config` must be valid.
  explicit VitImpl(const VitConfig& config);

  // Patch values of images [B, C, H, W] -> [B, N, C * patch * patch], in the order of the
  // convolution's weights.
  torch::Tensor Patchify(const torch::Tensor& images) const;
  // Embedded tokens of every image: [B, C, H, W] -> [B, N + 1, D].
  torch::Tensor Embed(const torch::Tensor& images);
  // Embedded tokens of chosen rows -> [T, D]; the same values as Embed's rows.
  torch::Tensor EmbedRows(const EmbeddingRows& rows);
  // Logits [I, K] from pooled rows [I, D]: final norm where it belongs, then the classifier.
  torch::Tensor Classify(const torch::Tensor& pooled);
  // Final norm of token rows where pooling comes after it; identity where fc_norm follows pooling.
  torch::Tensor BeforePool(const torch::Tensor& rows);
  // Blocks first_block..L - 1 (from 0) of the dense model and pooling: x [B, N + 1, D] -> what
  // Classify takes, [B, D]. Of the last block it computes no more than that needs.
  torch::Tensor PoolFrom(int64_t first_block, torch::Tensor x);
  // And the classifier: -> logits [B, K].
  torch::Tensor FromBlock(int64_t first_block, torch::Tensor x);
  // Logits of the dense model: [B, C, H, W] -> [B, K].
  torch::Tensor Forward(const torch::Tensor& images);

  // New classifier for `classes` classes, drawn from torch's default generator.
  void ReplaceHead(int64_t classes);

  // Draws adapters for every block; nothing of kind none.
  void Attach(const AdapterConfig& config);
  // The weights stay as they are but for the adapters and the classifier.
  void FreezeBackbone();
  void SetOpen(const ModelOpen& open);

  const VitConfig& config() const { return config_; }

  torch::nn::Conv2d patch_proj{nullptr};
  torch::Tensor cls_token;  // [1, 1, D]
  torch::Tensor pos_embed;  // [1, N + 1, D]
  torch::nn::LayerNorm norm_pre{nullptr};
  std::vector<Block> blocks;
  torch::nn::LayerNorm norm{nullptr};     // With class-token pooling.
  torch::nn::LayerNorm fc_norm{nullptr};  // With mean pooling, after the mean.
  torch::nn::Linear head{nullptr};

 private:
  // A parameter of no block but the classifier, with its graph or without it while these rest.
  torch::Tensor Own(const torch::Tensor& parameter) const;
  torch::Tensor Norm(const torch::nn::LayerNorm& norm, const torch::Tensor& x) const;

  VitConfig config_;
  bool rest_is_open_ = true;
  bool classifier_is_open_ = true;
};
TORCH_MODULE(Vit);

}  // namespace sluice::model
