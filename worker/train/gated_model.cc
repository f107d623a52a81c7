#include "worker/train/gated_model.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/dist/grad_reducer.h"
#include "worker/gate/mask.h"
#include "worker/gate/prefix.h"
#include "worker/gate/ragged.h"
#include "worker/gate/selective.h"
#include "worker/memory/autocast.h"
#include "worker/memory/recompute.h"
#include "worker/memory/saved_tensors.h"

namespace sluice::train {
namespace {

// What of the batch is open, with class tokens, as 0 and 1: [B, N + 1].
torch::Tensor OpenTensor(const GateDecision& decision, const torch::Tensor& images) {
  const std::vector<uint8_t>& open = decision.layers.back().open;
  const torch::Tensor patches =
      torch::tensor(std::vector<int64_t>(open.begin(), open.end()), torch::kLong)
          .reshape({images.size(0), -1});
  return at::constant_pad_nd(patches, {1, 0}, 1).to(images.device(), images.scalar_type());
}

}  // namespace

GatedModel::GatedModel(const model::VitConfig& config, const GateSettings& settings,
                       double label_smoothing, uint64_t seed, const torch::Device& device)
    : settings_(settings), label_smoothing_(label_smoothing) {
  SLUICE_CHECK(!settings_.gates.empty());
  torch::manual_seed(seed);
  vit_ = model::Vit(config);
  vit_->to(device);
  for (size_t k = 0; k < settings_.gates.size(); ++k) {
    torch::nn::Linear& head = heads_.emplace_back(config.dim, config.classes);
    // Zero weights make every token equally uncertain until the head has learnt something.
    const torch::NoGradGuard no_graph;
    head->weight.zero_();
    head->bias.zero_();
    head->to(device);
    for (torch::Tensor& p : head->parameters()) p.set_requires_grad(settings_.train_head);
  }
}

void GatedModel::Attach(const model::AdapterConfig& config, bool only) {
  vit_->Attach(config);
  if (only) vit_->FreezeBackbone();
}

void GatedModel::SetMemory(const memory::Settings& settings) {
  memory_ = settings;
  for (model::Block& block : vit_->blocks) {
    for (const auto& [name, projection] : block->Projections())
      projection->SetFloat8(settings.fp8_matmul);
  }
}

void GatedModel::To(torch::ScalarType type) {
  vit_->to(type);
  for (auto& [name, tensor] : model::NamedAdapters(vit_)) tensor.set_data(tensor.to(type));
  for (torch::nn::Linear& head : heads_) head->to(type);
}

model::NamedTensors GatedModel::HeadParameters() const {
  model::NamedTensors result;
  for (size_t k = 0; k < heads_.size(); ++k) {
    const std::string prefix = absl::StrCat("gate.", settings_.gates[k].layer, ".head.");
    result.emplace_back(prefix + "weight", heads_[k]->weight);
    result.emplace_back(prefix + "bias", heads_[k]->bias);
  }
  return result;
}

model::NamedTensors GatedModel::Parameters() const {
  model::NamedTensors result;
  for (auto& item : model::NamedParameters(vit_)) {
    if (item.second.requires_grad()) result.push_back(item);
  }
  for (auto& item : model::NamedAdapters(vit_)) result.push_back(item);
  if (settings_.train_head) {
    for (auto& item : HeadParameters()) result.push_back(item);
  }
  return result;
}

GateChain GatedModel::Chain(const ModelBatch& batch) {
  return {settings_, heads_, batch, vit_->config().patches(), vit_->config().heads};
}

TrainPass GatedModel::TrainForward(const ModelBatch& batch, const Decided& decided) {
  if (batch.images.size(0) == 0) {  // A rank's share of a small batch.
    decided({});
    return NothingOpen(batch);
  }
  const memory::SavedTensors kept(memory_, vit_->parameters());
  const memory::Autocast autocast(batch.images.device(), memory_.autocast);
  if (settings_.shadow || settings_.mode == Mode::kDense) return DensePass(batch, decided);
  return settings_.mode == Mode::kMask ? MaskPass(batch, decided) : PackedPass(batch, decided);
}

TrainPass GatedModel::TrainDense(const ModelBatch& batch) {
  if (batch.images.size(0) == 0) return NothingOpen(batch);
  const memory::SavedTensors kept(memory_, vit_->parameters());
  const memory::Autocast autocast(batch.images.device(), memory_.autocast);
  return DensePass(batch, [](const auto&) {});
}

TrainPass GatedModel::Finish(const torch::Tensor& logits, const ModelBatch& batch,
                             const torch::Tensor& images) const {
  const auto of = [&images](const torch::Tensor& values) {
    return images.defined() ? values.index_select(0, images) : values;
  };
  const torch::Tensor labels = of(batch.labels);
  const torch::Tensor wide = logits.to(vit_->pos_embed.scalar_type());
  TrainPass pass;
  if (batch.replayed.defined()) {
    const torch::Tensor each =
        at::cross_entropy_loss(wide, labels, {}, at::Reduction::None, -100, label_smoothing_);
    pass.loss = ReplayLoss(wide, each, of(batch.replayed), of(batch.stored_logits), replay_);
  } else {
    pass.loss =
        at::cross_entropy_loss(wide, labels, {}, at::Reduction::Sum, -100, label_smoothing_);
  }
  pass.loss_sum = pass.loss.detach();
  pass.correct = (logits.argmax(1) == labels).sum();
  return pass;
}

TrainPass GatedModel::NothingOpen(const ModelBatch& batch) {
  TrainPass pass;
  // Heads too: those of gates that had nothing left to decide have no loss.
  std::vector<torch::Tensor> all;
  for (const auto& item : Parameters()) all.push_back(item.second);
  pass.loss = dist::TouchAll(all);
  pass.loss_sum = torch::zeros({}, batch.images.options());
  pass.correct = torch::zeros({}, batch.labels.options());
  return pass;
}

TrainPass GatedModel::DensePass(const ModelBatch& batch, const Decided& decided) {
  const int64_t images = batch.images.size(0);
  GateChain chain = Chain(batch);
  const gate::PackedRows all = gate::PackAll(images, vit_->config().patches());
  // What would have been open counts as open or closed; every image is in the loss.
  const auto tell = [&] {
    GateDecision decision = chain.decision();
    decision.images_open = images;
    if (!settings_.shadow) decision.tokens_open = images * vit_->config().patches();
    decided(decision);
  };
  if (!settings_.shadow) tell();
  torch::Tensor x = vit_->Embed(batch.images);
  int64_t block = 0;
  for (const GateAt& gate : settings_.gates) {
    torch::Tensor qkv;
    for (; block < gate.layer; ++block) {
      // Only a scorer looks at qkv.
      if (settings_.shadow && block + 1 == gate.layer) {
        qkv = vit_->blocks[block]->Qkv(x);
        x = vit_->blocks[block]->AfterQkv(x, qkv);
        break;
      }
      x = memory::RunBlock([one = vit_->blocks[block]](
                               const torch::Tensor& rows) mutable { return one->Forward(rows); },
                           x);
    }
    block = gate.layer;
    if (settings_.shadow) {
      chain.Decide(x.flatten(0, 1), qkv.flatten(0, 1), all);
    } else {
      chain.Learn(x.flatten(0, 1), all);
    }
  }
  if (settings_.shadow) tell();
  TrainPass pass = Finish(vit_->FromBlock(block, x), batch, {});
  if (chain.head_loss().defined()) pass.loss = pass.loss + chain.head_loss();
  return pass;
}

gate::PackedRows GatedModel::Close(GateChain& chain, bool narrow, bool keep_qkv,
                                   gate::Prefix& prefix) {
  gate::PackedRows packed;
  for (size_t k = 0; k < settings_.gates.size(); ++k) {
    gate::RunPrefix(vit_, settings_.gates[k].layer, keep_qkv, prefix);
    packed = chain.Decide(prefix.x, prefix.qkv, prefix.packed());
    if (packed.images.empty()) {
      chain.CloseRest();
      break;
    }
    if (narrow && k + 1 < settings_.gates.size()) gate::Narrow(packed, prefix);
  }
  return packed;
}

TrainPass GatedModel::PackedPass(const ModelBatch& batch, const Decided& decided) {
  const bool compact = settings_.mode == Mode::kCompact;
  GateChain chain = Chain(batch);
  gate::Prefix prefix = gate::StartPrefix(vit_, batch.images);
  const gate::PackedRows packed = Close(chain, compact, /*keep_qkv=*/true, prefix);
  decided(chain.decision());
  TrainPass pass;
  if (packed.images.empty()) {
    pass = NothingOpen(batch);
  } else {
    const torch::Tensor open = gate::RerunOpenRows(vit_, prefix, packed);
    const torch::Tensor pooled = compact ? gate::RunToPool(vit_, prefix.blocks_done, open, packed)
                                         : gate::RunSelective(vit_, prefix, open, packed);
    pass = Finish(vit_->Classify(pooled), batch,
                  gate::IndexTensor(packed.images, batch.labels.device()));
  }
  if (chain.head_loss().defined()) pass.loss = pass.loss + chain.head_loss();
  return pass;
}

TrainPass GatedModel::MaskPass(const ModelBatch& batch, const Decided& decided) {
  GateChain chain = Chain(batch);
  gate::PackedRows packed = gate::PackAll(batch.images.size(0), vit_->config().patches());
  torch::Tensor x = vit_->Embed(batch.images), open;
  int64_t block = 0;
  for (const GateAt& gate : settings_.gates) {
    torch::Tensor qkv;
    for (; block < gate.layer; ++block) {
      qkv = vit_->blocks[block]->Qkv(x);
      x = open.defined() ? gate::AfterMaskedQkv(vit_->blocks[block], x, qkv, open)
                         : vit_->blocks[block]->AfterQkv(x, qkv);
    }
    const torch::Tensor present = gate::IndexTensor(packed.rows, x.device());
    packed = chain.Decide(x.detach().flatten(0, 1).index_select(0, present),
                          qkv.detach().flatten(0, 1).index_select(0, present), packed);
    open = OpenTensor(chain.decision(), batch.images);
    x = gate::MaskRows(x, open, chain.ScoreTensor());
    if (packed.images.empty()) break;
  }
  if (packed.images.empty()) chain.CloseRest();
  decided(chain.decision());
  TrainPass pass;
  if (packed.images.empty()) {
    pass = NothingOpen(batch);
  } else {
    for (; block < vit_->config().depth; ++block) {
      x = memory::RunBlock(
          [one = vit_->blocks[block], open](const torch::Tensor& rows) mutable {
            return gate::AfterMaskedQkv(one, rows, one->Qkv(rows), open);
          },
          x);
    }
    const torch::Tensor images = gate::IndexTensor(packed.images, x.device());
    pass = Finish(vit_->Classify(gate::PoolMasked(vit_, x, open)).index_select(0, images), batch,
                  images);
  }
  if (chain.head_loss().defined()) pass.loss = pass.loss + chain.head_loss();
  return pass;
}

torch::Tensor GatedModel::EvalDense(const ModelBatch& batch) {
  const torch::NoGradGuard no_graph;
  return vit_->Forward(batch.images);
}

std::vector<torch::Tensor> GatedModel::HeadLogits(const torch::Tensor& images) {
  const torch::NoGradGuard no_graph;
  std::vector<torch::Tensor> logits;
  torch::Tensor x = vit_->Embed(images);
  int64_t block = 0;
  for (size_t k = 0; k < heads_.size(); ++k) {
    for (; block < settings_.gates[k].layer; ++block) x = vit_->blocks[block]->Forward(x);
    logits.push_back(heads_[k](x.slice(1, 1)));
  }
  return logits;
}

torch::Tensor GatedModel::EvalGated(const ModelBatch& batch, GateDecision* decision) {
  const torch::NoGradGuard no_graph;
  GateChain chain = Chain(batch);
  chain.KeepOneOpen();
  gate::Prefix prefix = gate::StartPrefix(vit_, batch.images);
  const gate::PackedRows packed = Close(chain, /*narrow=*/true, /*keep_qkv=*/false, prefix);
  *decision = chain.decision();
  const torch::Tensor pooled =
      gate::RunToPool(vit_, prefix.blocks_done, gate::TakeRows(prefix, packed), packed);
  const torch::Tensor logits = vit_->Classify(pooled);
  torch::Tensor ordered = torch::empty_like(logits);
  ordered.index_copy_(0, gate::IndexTensor(packed.images, logits.device()), logits);
  return ordered;
}

}  // namespace sluice::train
