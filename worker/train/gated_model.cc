#include "worker/train/gated_model.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/dist/grad_reducer.h"
#include "worker/gate/compact.h"

namespace sluice::train {
namespace {

uint64_t MicrosSince(std::chrono::steady_clock::time_point start) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::steady_clock::now() - start)
                                   .count());
}

void CountOpen(GateDecision& decision, int64_t images) {
  const auto tokens = static_cast<int64_t>(decision.open.size()) / std::max<int64_t>(images, 1);
  decision.tokens_open = 0;
  decision.images_open = 0;
  for (int64_t i = 0; i < images; ++i) {
    const auto begin = decision.open.begin() + i * tokens;
    const int64_t open = std::count_if(begin, begin + tokens, [](uint8_t o) { return o != 0; });
    decision.tokens_open += open;
    decision.images_open += open > 0 ? 1 : 0;
  }
}

}  // namespace

GatedModel::GatedModel(const model::VitConfig& config, const GateSettings& settings,
                       double label_smoothing, uint64_t seed, const torch::Device& device)
    : settings_(settings), label_smoothing_(label_smoothing) {
  torch::manual_seed(seed);
  vit_ = model::Vit(config);
  head_ = torch::nn::Linear(config.dim, config.classes);
  {
    // Zero weights make every token equally uncertain until the head has learnt something.
    const torch::NoGradGuard no_graph;
    head_->weight.zero_();
    head_->bias.zero_();
  }
  vit_->to(device);
  head_->to(device);
  for (torch::Tensor& p : head_->parameters()) p.set_requires_grad(settings_.train_head);
}

void GatedModel::To(torch::ScalarType type) {
  vit_->to(type);
  head_->to(type);
}

model::NamedTensors GatedModel::HeadParameters() const {
  const std::string prefix = absl::StrCat("gate.", settings_.layer, ".head.");
  return {{prefix + "weight", head_->weight}, {prefix + "bias", head_->bias}};
}

model::NamedTensors GatedModel::Parameters() const {
  model::NamedTensors result = model::NamedParameters(vit_);
  if (settings_.train_head) {
    for (auto& item : HeadParameters()) result.push_back(item);
  }
  return result;
}

torch::Tensor GatedModel::HeadLogits(const torch::Tensor& tokens) { return head_(tokens.detach()); }

torch::Tensor GatedModel::HeadLoss(const torch::Tensor& logits, const torch::Tensor& labels) const {
  const torch::Tensor per_token =
      labels.unsqueeze(1).expand({logits.size(0), logits.size(1)}).reshape(-1);
  return at::cross_entropy_loss(logits.flatten(0, 1), per_token, {}, at::Reduction::Sum);
}

std::vector<float> GatedModel::Scores(const torch::Tensor& head_logits,
                                      const ModelBatch& batch) const {
  if (settings_.scorer == gate::Scorer::kRandom) {
    return gate::RandomScores(batch.key, batch.ids, vit_->config().patches());
  }
  const torch::Tensor logits = head_logits.detach();
  const torch::Tensor scores =
      (settings_.scorer == gate::Scorer::kHead ? gate::EntropyScores(logits)
                                               : gate::InformationScores(logits))
          .cpu()
          .contiguous();
  const float* values = scores.data_ptr<float>();
  return std::vector<float>(values, values + scores.numel());
}

GateDecision GatedModel::Decide(const gate::Policy& policy, std::vector<float> scores,
                                const ModelBatch& batch) const {
  GateDecision decision;
  decision.scores = std::move(scores);
  const int64_t images = batch.images.size(0);
  decision.open = gate::Decide(
      policy, {images, vit_->config().patches(), decision.scores, batch.ids}, batch.key);
  CountOpen(decision, images);
  return decision;
}

TrainPass GatedModel::TrainForward(const ModelBatch& batch,
                                   const std::function<void(const GateDecision&)>& decided) {
  return settings_.mode == Mode::kDense ? DensePass(batch, decided) : CompactPass(batch, decided);
}

TrainPass GatedModel::DensePass(const ModelBatch& batch,
                                const std::function<void(const GateDecision&)>& decided) {
  GateDecision all;
  all.images_open = batch.images.size(0);
  all.tokens_open = all.images_open * vit_->config().patches();
  decided(all);
  torch::Tensor x = vit_->Embed(batch.images);
  torch::Tensor head_loss;
  for (size_t i = 0; i < vit_->blocks.size(); ++i) {
    x = vit_->blocks[i]->Forward(x);
    if (settings_.train_head && static_cast<int64_t>(i) + 1 == settings_.layer) {
      head_loss = HeadLoss(HeadLogits(x.slice(1, 1)), batch.labels);
    }
  }
  const bool by_class_token = vit_->config().pool == model::Pool::kClassToken;
  const torch::Tensor logits =
      vit_->Classify(vit_->BeforePool(by_class_token ? x.select(1, 0) : x.slice(1, 1).mean(1)));
  TrainPass pass;
  const torch::Tensor loss =
      at::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Sum, -100, label_smoothing_);
  pass.loss_sum = loss.detach();
  pass.correct = (logits.argmax(1) == batch.labels).sum();
  pass.loss = head_loss.defined() ? loss + head_loss : loss;
  return pass;
}

TrainPass GatedModel::CompactPass(const ModelBatch& batch,
                                  const std::function<void(const GateDecision&)>& decided) {
  const gate::Prefix prefix =
      gate::RunPrefix(vit_, batch.images, settings_.layer, /*keep_qkv=*/true);
  torch::Tensor head_logits;
  if (settings_.train_head || gate::NeedsHead(settings_.scorer))
    head_logits = HeadLogits(prefix.x.slice(1, 1));
  std::vector<float> scores = Scores(head_logits, batch);
  const auto scored = std::chrono::steady_clock::now();
  GateDecision decision = Decide(settings_.policy, std::move(scores), batch);
  const gate::PackedRows packed =
      gate::Pack(decision.open, batch.images.size(0), vit_->config().patches());
  decision.micros = MicrosSince(scored);
  decided(decision);

  TrainPass pass;
  if (packed.images.empty()) {
    pass.loss = dist::TouchAll(vit_->parameters());
    pass.loss_sum = torch::zeros({}, batch.images.options());
    pass.correct = torch::zeros({}, batch.labels.options());
  } else {
    const gate::PackedIndex index(packed, batch.images.device());
    torch::Tensor x = gate::RerunOpenRows(vit_, prefix, packed, index);
    x = gate::RunRagged(vit_, settings_.layer, x, packed);
    const torch::Tensor logits =
        vit_->Classify(vit_->BeforePool(gate::PoolRagged(vit_, x, packed, index)));
    const torch::Tensor labels = batch.labels.index_select(0, index.images);
    pass.loss =
        at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, -100, label_smoothing_);
    pass.loss_sum = pass.loss.detach();
    pass.correct = (logits.argmax(1) == labels).sum();
  }
  if (settings_.train_head) pass.loss = pass.loss + HeadLoss(head_logits, batch.labels);
  return pass;
}

torch::Tensor GatedModel::EvalDense(const ModelBatch& batch) {
  const torch::NoGradGuard no_graph;
  return vit_->Forward(batch.images);
}

torch::Tensor GatedModel::EvalGated(const ModelBatch& batch, GateDecision* decision) {
  const torch::NoGradGuard no_graph;
  const gate::Prefix prefix =
      gate::RunPrefix(vit_, batch.images, settings_.layer, /*keep_qkv=*/false);
  torch::Tensor head_logits;
  if (gate::NeedsHead(settings_.scorer)) head_logits = HeadLogits(prefix.x.slice(1, 1));
  // Every image wants an answer: at least one patch of each is open.
  gate::Policy policy = settings_.policy;
  policy.floor = std::max(policy.floor, 1.0 / static_cast<double>(vit_->config().patches()));
  policy.batch_budget = false;
  *decision = Decide(policy, Scores(head_logits, batch), batch);
  const gate::PackedRows packed =
      gate::Pack(decision->open, batch.images.size(0), vit_->config().patches());
  const gate::PackedIndex index(packed, batch.images.device());
  const torch::Tensor x =
      gate::RunRagged(vit_, settings_.layer, gate::TakeOpenRows(prefix, index), packed);
  const torch::Tensor logits =
      vit_->Classify(vit_->BeforePool(gate::PoolRagged(vit_, x, packed, index)));
  torch::Tensor ordered = torch::empty_like(logits);
  ordered.index_copy_(0, index.images, logits);
  return ordered;
}

}  // namespace sluice::train
