#include "worker/train/gate_chain.h"

#include <algorithm>

#include "common/status.h"
#include "worker/gate/ragged.h"
#include "worker/gate/score.h"
#include "worker/train/clock.h"

namespace sluice::train {
namespace {

// Rows of the whole batch of all patches of `packed`, without class tokens.
std::vector<int64_t> PatchRows(const gate::PackedRows& packed) {
  std::vector<int64_t> rows;
  rows.reserve(packed.rows.size());
  for (size_t r = 0; r < packed.rows.size(); ++r) {
    if (packed.token[r] != 0) rows.push_back(packed.rows[r]);
  }
  return rows;
}

// Index into [B * N] of a row of the whole batch [B * (N + 1)].
int64_t PatchIndex(int64_t row, int64_t patches) {
  return row / (patches + 1) * patches + row % (patches + 1) - 1;
}

int64_t CountImagesOpen(const std::vector<uint8_t>& open, int64_t patches) {
  int64_t images = 0;
  for (size_t i = 0; i < open.size(); i += static_cast<size_t>(patches)) {
    images +=
        std::any_of(open.begin() + i, open.begin() + i + patches, [](uint8_t o) { return o != 0; });
  }
  return images;
}

}  // namespace

GateChain::GateChain(const GateSettings& settings, std::vector<torch::nn::Linear>& heads,
                     const ModelBatch& batch, int64_t patches, int64_t attention_heads)
    : settings_(settings),
      heads_(heads),
      batch_(batch),
      patches_(patches),
      attention_heads_(attention_heads) {}

std::vector<torch::Tensor> GateChain::Logits(const torch::Tensor& x,
                                             const gate::PackedRows& packed) {
  std::vector<torch::Tensor> logits;
  for (const torch::Tensor& rows : gate::SplitRows(x.detach(), packed.groups))
    logits.push_back(heads_[next_](rows.slice(1, 1)).to(heads_[next_]->weight.scalar_type()));
  if (!settings_.train_head) return logits;
  const torch::Tensor labels =
      batch_.labels.index_select(0, gate::IndexTensor(packed.images, batch_.labels.device()));
  for (size_t g = 0; g < logits.size(); ++g) {
    const gate::PackedGroup& group = packed.groups[g];
    const torch::Tensor per_token =
        labels.slice(0, group.first_image, group.first_image + group.images)
            .repeat_interleave(group.rows_per_image - 1);
    const torch::Tensor loss =
        at::cross_entropy_loss(logits[g].flatten(0, 1), per_token, {}, at::Reduction::Sum);
    head_loss_ = head_loss_.defined() ? head_loss_ + loss : loss;
  }
  return logits;
}

void GateChain::Score(const torch::Tensor& x, const torch::Tensor& qkv,
                      const gate::PackedRows& packed, LayerDecision& layer) {
  const bool by_head = gate::NeedsHead(settings_.scorer);
  std::vector<torch::Tensor> logits;
  if (by_head || settings_.train_head || SkipsImages()) logits = Logits(x, packed);
  const double temperature = settings_.gates[next_].temperature;
  if (temperature != 1.0) {
    for (torch::Tensor& group : logits) group = group / temperature;
  }
  if (SkipsImages()) ScoreImages(logits, packed);
  newest_rows_ = PatchRows(packed);
  layer.scores.assign(batch_.ids.size() * patches_, 0.0f);
  if (settings_.scorer == gate::Scorer::kRandom) {
    gate::DrawKey key = batch_.key;
    key.gate = static_cast<uint32_t>(next_);
    const std::vector<float> drawn = gate::RandomScores(key, batch_.ids, patches_);
    for (const int64_t row : newest_rows_) {
      layer.scores[PatchIndex(row, patches_)] = drawn[PatchIndex(row, patches_)];
    }
    return;
  }
  std::vector<torch::Tensor> qkv_groups;
  if (!by_head) qkv_groups = gate::SplitRows(qkv.detach(), packed.groups);
  std::vector<torch::Tensor> parts;
  for (size_t g = 0; g < packed.groups.size(); ++g) {
    gate::ScoreInput input;
    if (by_head) {
      input.logits = logits[g];
      if (settings_.mode != Mode::kMask) input.logits = input.logits.detach();
    } else {
      input.qkv = qkv_groups[g];
      input.heads = attention_heads_;
    }
    parts.push_back(gate::TokenScores(settings_.scorer, input).flatten());
  }
  newest_scores_ = parts.size() == 1 ? parts[0] : at::cat(parts);
  const torch::Tensor host = newest_scores_.detach().cpu().contiguous();
  const float* values = host.data_ptr<float>();
  for (size_t i = 0; i < newest_rows_.size(); ++i)
    layer.scores[PatchIndex(newest_rows_[i], patches_)] = values[i];
}

void GateChain::ScoreImages(const std::vector<torch::Tensor>& logits,
                            const gate::PackedRows& packed) {
  decision_.image_scores.assign(batch_.ids.size(), 0.0f);
  for (size_t g = 0; g < logits.size(); ++g) {
    const torch::Tensor host = gate::ImageEntropies(logits[g].detach()).cpu().contiguous();
    for (int64_t i = 0; i < host.numel(); ++i) {
      const int64_t image = packed.images[packed.groups[g].first_image + i];
      decision_.image_scores[image] = host.data_ptr<float>()[i];
    }
  }
}

void GateChain::CloseImages(std::vector<uint8_t>& open) const {
  if (settings_.opening > 0.0) return;  // Annealing and growing skip no image.
  for (size_t i = 0; i < decision_.image_scores.size(); ++i) {
    if (decision_.image_scores[i] > settings_.image_theta) continue;
    std::fill_n(open.begin() + static_cast<int64_t>(i) * patches_, patches_, 0);
  }
}

gate::Policy GateChain::PolicyNow() const {
  gate::Policy policy = settings_.gates[next_].policy;
  double opening = settings_.opening > 0.0 && !keep_one_open_
                       ? policy.rate + settings_.opening * (1.0 - policy.rate)
                       : 0.0;
  if (keep_one_open_) opening = 1.0 / static_cast<double>(patches_);
  policy.floor = std::max(policy.floor, opening);
  policy.ceiling = std::max(policy.ceiling, opening);
  policy.rate = std::max(policy.rate, opening);
  if (keep_one_open_) policy.batch_budget = false;
  return policy;
}

gate::PackedRows GateChain::Decide(const torch::Tensor& x, const torch::Tensor& qkv,
                                   const gate::PackedRows& packed) {
  SLUICE_CHECK(next_ < settings_.gates.size());
  const auto images = static_cast<int64_t>(batch_.ids.size());
  LayerDecision layer;
  Score(x, qkv, packed, layer);
  const auto scored = Clock::now();
  if (next_ > 0) layer.present = decision_.layers.back().open;
  gate::DrawKey key = batch_.key;
  key.gate = static_cast<uint32_t>(next_);
  layer.open =
      gate::Decide(PolicyNow(), {images, patches_, layer.scores, batch_.ids, layer.present}, key);
  if (SkipsImages()) CloseImages(layer.open);
  layer.tokens_open =
      std::count_if(layer.open.begin(), layer.open.end(), [](uint8_t o) { return o != 0; });
  gate::PackedRows result = gate::Pack(layer.open, images, patches_, packed.images);
  decision_.tokens_open = layer.tokens_open;
  decision_.images_open = CountImagesOpen(layer.open, patches_);
  decision_.micros += MicrosSince(scored);
  decision_.layers.push_back(std::move(layer));
  ++next_;
  return result;
}

void GateChain::CloseRest() {
  for (; next_ < settings_.gates.size(); ++next_) {
    LayerDecision layer;
    layer.present = decision_.layers.back().open;
    layer.open.assign(layer.present.size(), 0);
    layer.scores.assign(layer.present.size(), 0.0f);
    decision_.layers.push_back(std::move(layer));
  }
}

void GateChain::Learn(const torch::Tensor& x, const gate::PackedRows& packed) {
  if (settings_.train_head) Logits(x, packed);
  ++next_;
}

torch::Tensor GateChain::ScoreTensor() const {
  const auto images = static_cast<int64_t>(batch_.ids.size());
  const auto like = batch_.images.options();
  torch::Tensor values = newest_scores_;
  if (!values.defined()) {
    std::vector<float> drawn;
    for (const int64_t row : newest_rows_)
      drawn.push_back(decision_.layers.back().scores[PatchIndex(row, patches_)]);
    values = torch::tensor(drawn, torch::kFloat).to(like.device());
  }
  const torch::Tensor index = gate::IndexTensor(newest_rows_, like.device());
  return torch::zeros({images, patches_ + 1}, like)
      .index_fill(1, torch::zeros({1}, index.options()), 1.0)
      .flatten()
      .index_copy(0, index, values.to(like.dtype().toScalarType()))
      .unflatten(0, {images, patches_ + 1});
}

}  // namespace sluice::train
