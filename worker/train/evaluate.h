#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/latency_histogram.h"
#include "worker/data/dataset.h"
#include "worker/data/loader.h"
#include "worker/data/pipeline.h"
#include "worker/data/sampler.h"
#include "worker/dist/process_group.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

struct Evaluation {
  int64_t images = 0;
  double accuracy = 0.0;         // In [0, 1].
  double loss = 0.0;             // Mean cross-entropy.
  double activation_rate = 1.0;  // Open share of patch tokens.
};

// How a model was found to do; what was not asked for is not there.
struct Evaluations {
  std::optional<Evaluation> dense;
  std::optional<Evaluation> gated;
};

// A loader's batch as tensors; images have the type and device of `like`.
ModelBatch ToModelBatch(const data::Batch& batch, const gate::DrawKey& key,
                        const torch::TensorOptions& like);

// Loads `shard` of a data set in order, in batches of at most `batch` images.
std::unique_ptr<data::Loader> MakeEvaluationLoader(std::shared_ptr<const data::Dataset> dataset,
                                                   const data::PipelineConfig& pipeline,
                                                   const data::IndexRange& shard, int64_t batch);

// Evaluates every image of `dataset` once, shared out over the ranks, by `gated` or dense forwards
// of at most `batch` images. Draws of the gate depend on seed and image only. A collective: all
// ranks get the same result. `inference` receives the time of each batch's forward.
absl::StatusOr<Evaluation> Evaluate(GatedModel& model, std::shared_ptr<const data::Dataset> dataset,
                                    const data::PipelineConfig& pipeline, dist::Group& group,
                                    int64_t batch, bool gated, uint64_t seed,
                                    LatencyHistogram* inference = nullptr);

// As Evaluate, in `mode` dense, gated or both; says what it found in one line each, behind `label`.
absl::StatusOr<Evaluations> EvaluateModes(GatedModel& model,
                                          std::shared_ptr<const data::Dataset> dataset,
                                          const data::PipelineConfig& pipeline, dist::Group& group,
                                          int64_t batch, const std::string& mode, uint64_t seed,
                                          const std::string& label,
                                          LatencyHistogram* inference = nullptr);

}  // namespace sluice::train
