#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "worker/gate/policy.h"
#include "worker/gate/score.h"
#include "worker/model/vit.h"
#include "worker/model/weights.h"
#include "worker/torch.h"

namespace sluice::train {

// How a model is run: what a closed token costs.
enum class Mode { kDense, kCompact };

// The gate of a model and what is in force.
struct GateSettings {
  Mode mode = Mode::kDense;
  int64_t layer = 1;  // The gate stands after this block, from 1.
  gate::Scorer scorer = gate::Scorer::kRandom;
  gate::Policy policy;
  bool train_head = false;
};

// One rank's share of a micro-step.
struct ModelBatch {
  torch::Tensor images;       // [B, C, H, W]
  torch::Tensor labels;       // int64 [B]
  std::vector<uint64_t> ids;  // [B]
  gate::DrawKey key;
};

// What the gate decided.
struct GateDecision {
  std::vector<uint8_t> open;  // [B * N]; empty without a gate.
  std::vector<float> scores;  // [B * N]
  int64_t images_open = 0;
  int64_t tokens_open = 0;
  uint64_t micros = 0;  // From the scores' readiness to the packed rows.
};

// Sums over this rank's open images, before any division.
struct TrainPass {
  torch::Tensor loss;  // Scalar: main loss + head's loss; undefined if nothing needs a gradient.
  torch::Tensor loss_sum;  // Scalar without graph: main loss only.
  torch::Tensor correct;   // Scalar without graph, int64.
};

// A vision transformer with its gate. Not thread-safe.
class GatedModel {
 public:
  // Parameters are drawn from `seed`.
  GatedModel(const model::VitConfig& config, const GateSettings& settings, double label_smoothing,
             uint64_t seed, const torch::Device& device);

  // Forward of a training batch. `decided` is called once the gate has decided, before the deep
  // blocks.
  TrainPass TrainForward(const ModelBatch& batch,
                         const std::function<void(const GateDecision&)>& decided);

  // Logits [B, K] in the order of the batch, without a graph. Gated: by the settings' scorer and
  // policy whatever the mode, with at least one open patch per image; `decision` receives what was
  // open.
  torch::Tensor EvalDense(const ModelBatch& batch);
  torch::Tensor EvalGated(const ModelBatch& batch, GateDecision* decision);

  // All trainable parameters by name: timm's, then gate.<layer>.head.* if the head is trained.
  model::NamedTensors Parameters() const;
  // The uncertainty head's parameters, trained or not: gate.<layer>.head.weight and .bias.
  model::NamedTensors HeadParameters() const;

  // Converts all parameters; call before an optimizer or a reducer holds them.
  void To(torch::ScalarType type);

  model::Vit& vit() { return vit_; }
  const model::Vit& vit() const { return vit_; }
  GateSettings& settings() { return settings_; }
  const GateSettings& settings() const { return settings_; }

 private:
  TrainPass DensePass(const ModelBatch& batch,
                      const std::function<void(const GateDecision&)>& decided);
  TrainPass CompactPass(const ModelBatch& batch,
                        const std::function<void(const GateDecision&)>& decided);
  // Logits of the head on patch tokens [B, N, D] (detached) -> [B, N, K].
  torch::Tensor HeadLogits(const torch::Tensor& tokens);
  torch::Tensor HeadLoss(const torch::Tensor& logits, const torch::Tensor& labels) const;
  std::vector<float> Scores(const torch::Tensor& head_logits, const ModelBatch& batch) const;
  GateDecision Decide(const gate::Policy& policy, std::vector<float> scores,
                      const ModelBatch& batch) const;

  GateSettings settings_;
  double label_smoothing_;
  model::Vit vit_{nullptr};
  torch::nn::Linear head_{nullptr};
};

}  // namespace sluice::train
