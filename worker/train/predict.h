#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "worker/data/dataset.h"
#include "worker/data/pipeline.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// What the model says of one image in one mode of evaluation.
struct Answer {
  std::vector<double> probabilities;  // [K], sum 1: the softmax of the logits.
  std::vector<uint8_t> open;          // [N], rows of the grid of patches; empty if dense.
};

// Answers for every image of `dataset`, in its order: `give` is called once for each. Images are
// taken `batch` at a time. An error of `give` ends it. Draws of the gate depend on seed and image.
absl::Status Predict(GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
                     const data::PipelineConfig& pipeline, int64_t batch, bool gated, uint64_t seed,
                     const std::function<absl::Status(int64_t index, const Answer&)>& give);

}  // namespace sluice::train
