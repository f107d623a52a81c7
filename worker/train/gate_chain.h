#pragma once

#include <cstdint>
#include <vector>

#include "worker/gate/packing.h"
#include "worker/gate/policy.h"
#include "worker/gate/settings.h"
#include "worker/torch.h"

namespace sluice::train {

using gate::GateAt;
using gate::GateSettings;
using gate::Mode;

// One rank's share of a micro-step.
struct ModelBatch {
  torch::Tensor images;       // [B, C, H, W]
  torch::Tensor labels;       // int64 [B]
  std::vector<uint64_t> ids;  // [B]
  gate::DrawKey key;
  int64_t epoch = 0;
  // Rehearsed images, and what a model said of them when it had learnt them; undefined: none is.
  torch::Tensor replayed;       // bool [B]
  torch::Tensor stored_logits;  // [B, K]; NaN where there is none.
};

// What one gate decided about the batch.
struct LayerDecision {
  std::vector<uint8_t> open;     // [B * N]
  std::vector<float> scores;     // [B * N]; 0 where an earlier gate had closed the token.
  std::vector<uint8_t> present;  // [B * N] that no earlier gate had closed; empty: all.
  int64_t tokens_open = 0;
};

// What the gates decided; the last one's word holds.
struct GateDecision {
  std::vector<LayerDecision> layers;  // Empty without a gate.
  // [B] entropy of each image's mean prediction at the first gate; empty without an image gate.
  std::vector<float> image_scores;
  int64_t images_open = 0;
  int64_t tokens_open = 0;
  uint64_t micros = 0;  // From the scores' readiness to the packed rows, over all gates.
};

// The gates of one batch, first to last: the heads' logits, scores, decisions, and the heads' loss.
// Rows are always those of a packing, class tokens included. Not thread-safe.
class GateChain {
 public:
  // Borrows everything. `heads`: one per gate. `patches` is N, `attention_heads` of the model.
  GateChain(const GateSettings& settings, std::vector<torch::nn::Linear>& heads,
            const ModelBatch& batch, int64_t patches, int64_t attention_heads);

  // For evaluation: every image keeps a patch open, and none is annealed.
  void KeepOneOpen() { keep_one_open_ = true; }
  // Decides at the next gate by rows `x` [T, D] of `packed` after its block, and that block's `qkv`
  // [T, 3D] (may be undefined for scorers that read the head). Returns what is open now; images
  // with equally many open rows keep the order that they have in `packed`.
  gate::PackedRows Decide(const torch::Tensor& x, const torch::Tensor& qkv,
                          const gate::PackedRows& packed);
  // Nothing is open: the gates that are left have nothing to decide.
  void CloseRest();
  // Only the loss of the next gate's head, by the same rows.
  void Learn(const torch::Tensor& x, const gate::PackedRows& packed);

  const GateDecision& decision() const { return decision_; }
  // Sum over gates and patches; undefined if no head is trained.
  const torch::Tensor& head_loss() const { return head_loss_; }
  // The newest scores as a tensor [B, N + 1] with the heads' graph; 1 for class tokens, 0 for
  // absent ones.
  torch::Tensor ScoreTensor() const;

 private:
  // The patches of each group of images, and their labels.
  std::vector<torch::Tensor> Logits(const torch::Tensor& x, const gate::PackedRows& packed);
  void Score(const torch::Tensor& x, const torch::Tensor& qkv, const gate::PackedRows& packed,
             LayerDecision& layer);
  gate::Policy PolicyNow() const;
  void ScoreImages(const std::vector<torch::Tensor>& logits, const gate::PackedRows& packed);
  // Closes the images that the image gate skips.
  void CloseImages(std::vector<uint8_t>& open) const;
  bool SkipsImages() const { return next_ == 0 && settings_.image_theta > 0.0 && !keep_one_open_; }

  const GateSettings& settings_;
  std::vector<torch::nn::Linear>& heads_;
  const ModelBatch& batch_;
  int64_t patches_;
  int64_t attention_heads_;
  bool keep_one_open_ = false;
  size_t next_ = 0;
  GateDecision decision_;
  torch::Tensor head_loss_;
  torch::Tensor newest_scores_;       // [patch rows], in the order of newest_rows_.
  std::vector<int64_t> newest_rows_;  // Their rows of the whole batch.
};

}  // namespace sluice::train
