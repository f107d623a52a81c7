#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/pipeline.h"
#include "worker/gate/calibration.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// A model that has learnt one domain, and what its uncertainty heads usually say of it.
struct Expert {
  std::string name;
  std::unique_ptr<GatedModel> model;
  std::vector<gate::UncertaintyMoments> usual;  // One per gate.
};

// Several models of the same classes, for instance one backbone with an adapter per domain, of
// which one answers for each image: that whose heads find the image most usual. With u_k the
// uncertainty of the head at gate k (ImageUncertainty) and its moments over the expert's own
// domain, an expert's distance is the mean over its gates of ((u_k - mean_k) / stddev_k)^2, and the
// nearest one answers. An uncertainty that is unusually low counts as much as one that is unusually
// high: a head may be sure of what it does not know. Not thread-safe.
class Router {
 public:
  // At least one expert, each with a gate.
  explicit Router(std::vector<Expert> experts);

  const std::vector<Expert>& experts() const { return experts_; }
  // The expert of each image: [B, C, H, W] -> int64 [B].
  torch::Tensor Choose(const torch::Tensor& images);
  // Logits [B, K] of the experts in `chosen` [B], by dense forwards.
  torch::Tensor Answer(const ModelBatch& batch, const torch::Tensor& chosen);

 private:
  std::vector<Expert> experts_;
};

struct RoutedEvaluation {
  int64_t images = 0;
  double accuracy = 0.0;          // In [0, 1].
  std::vector<int64_t> answered;  // Images per expert.
};

// Evaluates every image of `dataset` once, in batches.
absl::StatusOr<RoutedEvaluation> EvaluateRouted(Router& router,
                                                std::shared_ptr<const data::Dataset> dataset,
                                                const data::PipelineConfig& pipeline,
                                                int64_t batch);

}  // namespace sluice::train
