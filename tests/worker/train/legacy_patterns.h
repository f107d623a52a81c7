#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "tests/worker/train/small_model.h"
#include "worker/legacy/collect.h"

namespace sluice::train::testing {

// The images `first`, `first` + 1, ... of a PatternDataset as a set that no model was asked about.
inline legacy::LegacySet PatternSet(uint64_t first, int64_t count,
                                    const std::string& name = "old") {
  std::vector<uint64_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), first);
  return legacy::Collect(PatternDataset(ids), data::Domain::kNone, name).value();
}

// The images of a set as a model of `type` sees them behind (x - 0.5) / 0.25, by plain tensors.
inline torch::Tensor ImagesOf(const legacy::LegacySet& set, torch::ScalarType type) {
  const torch::Tensor pixels =
      torch::tensor(std::vector<int64_t>(set.pixels.begin(), set.pixels.end()), torch::kLong);
  const torch::Tensor images =
      pixels.reshape({set.size(), set.shape.channels, set.shape.height, set.shape.width});
  return ((images.to(torch::kFloat) / 255.0f - 0.5f) / 0.25f).to(type);
}

// With it, and with all that a probe must not see.
inline data::PipelineConfig ProbePipeline() {
  data::PipelineConfig pipeline;
  pipeline.normalization = {{0.5}, {0.25}};
  pipeline.domain = data::Domain::kInvert;
  pipeline.augment.flip_probability = 1.0;
  return pipeline;
}

// -log softmax of the labels, spelled out: [B].
inline torch::Tensor PlainCrossEntropy(const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::Tensor own = logits.gather(1, labels.unsqueeze(1)).squeeze(1);
  return torch::logsumexp(logits, 1) - own;
}

}  // namespace sluice::train::testing
