#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "worker/gate/prefix.h"
#include "worker/memory/memory_config.h"
#include "worker/model/vit.h"
#include "worker/model/weights.h"
#include "worker/torch.h"
#include "worker/train/gate_chain.h"
#include "worker/train/replay_loss.h"

namespace sluice::train {

// Sums over this rank's open images, before any division.
struct TrainPass {
  torch::Tensor loss;  // Scalar: main loss + heads' loss; undefined if nothing needs a gradient.
  torch::Tensor loss_sum;  // Scalar without graph: main loss only.
  torch::Tensor correct;   // Scalar without graph, int64.
};

// Called once the last gate has decided, before the deep blocks.
using Decided = std::function<void(const GateDecision&)>;

// A vision transformer with its gates. Not thread-safe.
class GatedModel {
 public:
  // Parameters are drawn from `seed`. `settings` has at least one gate, also in dense mode: gated
  // evaluation and the uncertainty head stand there.
  GatedModel(const model::VitConfig& config, const GateSettings& settings, double label_smoothing,
             uint64_t seed, const torch::Device& device);

  // Forward of a training batch.
  TrainPass TrainForward(const ModelBatch& batch, const Decided& decided);

  // The same batch densely, whatever the mode: what a gated step is measured against.
  TrainPass TrainDense(const ModelBatch& batch);

  // Logits [B, K] in the order of the batch, without a graph. Gated: by the settings' scorer and
  // policies whatever the mode, with at least one open patch per image; `decision` receives what
  // was open.
  torch::Tensor EvalDense(const ModelBatch& batch);
  torch::Tensor EvalGated(const ModelBatch& batch, GateDecision* decision);

  // Logits of every gate's head for all patches of a dense forward, without a graph: [B, N, K]
  // each.
  std::vector<torch::Tensor> HeadLogits(const torch::Tensor& images);

  // All trainable parameters by name: timm's, then PEFT's of adapters, then gate.<layer>.head.* if
  // heads are trained.
  model::NamedTensors Parameters() const;
  // The uncertainty heads' parameters, trained or not: gate.<layer>.head.weight and .bias.
  model::NamedTensors HeadParameters() const;

  // Draws adapters for the model; `only`: of the model itself, nothing but the classifier is
  // trained then. Call before an optimizer or a reducer holds its parameters.
  void Attach(const model::AdapterConfig& config, bool only);

  void SetReplay(const ReplayWeights& weights) { replay_ = weights; }

  // How training forwards compute and what they keep; evaluation is always plain float32.
  void SetMemory(const memory::Settings& settings);

  // Converts all parameters; call before an optimizer or a reducer holds them.
  void To(torch::ScalarType type);

  model::Vit& vit() { return vit_; }
  const model::Vit& vit() const { return vit_; }
  GateSettings& settings() { return settings_; }
  const GateSettings& settings() const { return settings_; }

 private:
  TrainPass DensePass(const ModelBatch& batch, const Decided& decided);
  // Modes selective and compact.
  TrainPass PackedPass(const ModelBatch& batch, const Decided& decided);
  TrainPass MaskPass(const ModelBatch& batch, const Decided& decided);
  GateChain Chain(const ModelBatch& batch);
  // Prefix and decisions of all gates; compact's way of closing if `narrow`.
  gate::PackedRows Close(GateChain& chain, bool narrow, bool keep_qkv, gate::Prefix& prefix);
  // Loss of the batch's images at `images` (int64 [I]; undefined: all), by their logits [I, K].
  TrainPass Finish(const torch::Tensor& logits, const ModelBatch& batch,
                   const torch::Tensor& images) const;
  TrainPass NothingOpen(const ModelBatch& batch);

  GateSettings settings_;
  double label_smoothing_;
  ReplayWeights replay_;
  memory::Settings memory_;
  model::Vit vit_{nullptr};
  std::vector<torch::nn::Linear> heads_;  // One per gate.
};

}  // namespace sluice::train
