#pragma once

#include <memory>
#include <vector>

#include "tests/worker/model/small_vit.h"
#include "tests/worker/train/pattern_dataset.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"
#include "worker/train/setup.h"

namespace sluice::train::testing {

inline GateSettings SmallGate(Mode mode, double threshold, bool train_head) {
  GateSettings settings;
  settings.mode = mode;
  settings.gates = {{2, {}}};
  settings.gates[0].policy.threshold = threshold;
  settings.scorer = gate::Scorer::kRandom;
  settings.train_head = train_head;
  return settings;
}

// Draws from torch's global generator: not for several threads at once.
inline std::unique_ptr<GatedModel> MakeModel(const GateSettings& settings, torch::ScalarType type,
                                             double label_smoothing = 0.0,
                                             model::Pool pool = model::Pool::kClassToken) {
  auto model = std::make_unique<GatedModel>(model::testing::SmallConfig(pool, true), settings,
                                            label_smoothing, /*seed=*/11, torch::kCPU);
  model->To(type);
  return model;
}

// Images `ids` of a PatternDataset as one batch.
inline ModelBatch MakeBatch(const std::vector<uint64_t>& ids, const gate::DrawKey& key,
                            torch::ScalarType type) {
  const PatternDataset dataset(ids);
  ModelBatch batch;
  batch.ids = ids;
  batch.key = key;
  std::vector<torch::Tensor> images;
  std::vector<int64_t> labels;
  for (size_t i = 0; i < ids.size(); ++i) {
    const data::Sample sample = dataset.Get(static_cast<int64_t>(i)).value();
    images.push_back(torch::tensor(sample.image.pixels, torch::kFloat).reshape({2, 12, 12}));
    labels.push_back(sample.label);
  }
  batch.images = torch::stack(images).to(type);
  batch.labels = torch::tensor(labels, torch::kLong);
  return batch;
}

}  // namespace sluice::train::testing
