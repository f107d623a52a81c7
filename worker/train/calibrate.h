#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/pipeline.h"
#include "worker/dist/process_group.h"
#include "worker/gate/calibration.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// Fits the temperature of every gate's uncertainty head on the first `images` of `dataset`, shared
// out over the ranks, whose labels it has not learnt from; every patch predicts its image's label.
// The model runs densely. Nothing in the model changes. A collective: all ranks get the same.
absl::StatusOr<std::vector<gate::Calibration>> CalibrateHeads(
    GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
    const data::PipelineConfig& pipeline, dist::Group& group, int64_t images, int64_t batch);

// What the heads, with the temperatures that are set, say of the same images: one entry per gate.
// A collective, as CalibrateHeads.
absl::StatusOr<std::vector<gate::UncertaintyMoments>> MeasureUncertainty(
    GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
    const data::PipelineConfig& pipeline, dist::Group& group, int64_t images, int64_t batch);

// Normalised entropy of each image's mean prediction by every gate's head, with its temperature:
// images [B, C, H, W] -> [gates, B] in double. Without a graph.
torch::Tensor ImageUncertainty(GatedModel& model, const torch::Tensor& images);

// Sums of the grid's temperatures over tokens: logits [T, K], labels [T] ->
// [grid, kReliabilityNumbers] in double. Without a graph.
torch::Tensor ReliabilitySums(const torch::Tensor& logits, const torch::Tensor& labels);

}  // namespace sluice::train
