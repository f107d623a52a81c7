#include "worker/train/image_gate.h"

#include <algorithm>
#include <cstring>

#include "common/status.h"
#include "worker/gate/ragged.h"

namespace sluice::train {
namespace {

constexpr int64_t kColumns = 3;  // Id, bits of the score, epoch; an epoch of -1 is padding.

template <typename T>
std::vector<T> Spread(const std::vector<T>& part, const std::vector<int64_t>& positions,
                      int64_t images, int64_t patches) {
  std::vector<T> whole(static_cast<size_t>(images * patches), T{});
  for (size_t i = 0; i < positions.size(); ++i) {
    std::copy_n(part.begin() + static_cast<int64_t>(i) * patches, patches,
                whole.begin() + positions[i] * patches);
  }
  return whole;
}

}  // namespace

std::vector<int64_t> ImageGate::ToCompute(const ModelBatch& batch) const {
  std::vector<int64_t> positions;
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    const std::optional<double> score =
        options_.caches() ? cache_.Find(batch.ids[i], batch.epoch, options_.ttl) : std::nullopt;
    if (!score || *score > options_.theta) positions.push_back(static_cast<int64_t>(i));
  }
  return positions;
}

void ImageGate::Note(const ModelBatch& batch, const std::vector<float>& scores) {
  if (!options_.caches() || scores.empty()) return;
  SLUICE_CHECK(scores.size() == batch.ids.size());
  for (size_t i = 0; i < scores.size(); ++i)
    noted_.push_back({batch.ids[i], scores[i], batch.epoch});
}

absl::Status ImageGate::Exchange(dist::Group& group, int64_t most) {
  if (!options_.caches()) return absl::OkStatus();
  SLUICE_CHECK(static_cast<int64_t>(noted_.size()) <= most);
  torch::Tensor mine = torch::full({most, kColumns}, -1, torch::kLong);
  int64_t* row = mine.data_ptr<int64_t>();
  for (const gate::CachedScore& score : noted_) {
    row[0] = static_cast<int64_t>(score.id);
    std::memcpy(&row[1], &score.score, sizeof(score.score));
    row[2] = score.epoch;
    row += kColumns;
  }
  noted_.clear();
  SLUICE_ASSIGN_OR_RETURN(const std::vector<torch::Tensor> all, group.Gather(mine));
  for (const torch::Tensor& part : all) {
    const int64_t* value = part.data_ptr<int64_t>();
    for (int64_t i = 0; i < most; ++i, value += kColumns) {
      gate::CachedScore score{static_cast<uint64_t>(value[0]), 0.0, value[2]};
      std::memcpy(&score.score, &value[1], sizeof(score.score));
      if (score.epoch >= 0) cache_.Store(score);
    }
  }
  return absl::OkStatus();
}

ModelBatch TakeImages(const ModelBatch& batch, const std::vector<int64_t>& positions) {
  ModelBatch part;
  const torch::Tensor index = gate::IndexTensor(positions, batch.images.device());
  part.images = batch.images.index_select(0, index);
  part.labels = batch.labels.index_select(0, index);
  for (const int64_t position : positions) part.ids.push_back(batch.ids[position]);
  part.key = batch.key;
  part.epoch = batch.epoch;
  if (batch.replayed.defined()) {
    part.replayed = batch.replayed.index_select(0, index);
    part.stored_logits = batch.stored_logits.index_select(0, index);
  }
  return part;
}

GateDecision SpreadDecision(const GateDecision& part, const std::vector<int64_t>& positions,
                            int64_t images, int64_t patches, size_t gates) {
  GateDecision whole = part;
  whole.layers.clear();
  const auto tokens = positions.size() * static_cast<size_t>(patches);
  for (size_t k = 0; k < gates; ++k) {
    LayerDecision layer;
    if (k < part.layers.size()) layer = part.layers[k];
    layer.open.resize(tokens);
    layer.scores.resize(tokens);
    if (layer.present.empty()) layer.present.assign(tokens, 1);
    layer.open = Spread(layer.open, positions, images, patches);
    layer.scores = Spread(layer.scores, positions, images, patches);
    layer.present = Spread(layer.present, positions, images, patches);
    whole.layers.push_back(std::move(layer));
  }
  return whole;
}

}  // namespace sluice::train
