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
// domain, an expert's distance is the mean over its gates of z_k^2, z_k = (u_k - mean_k) /
// stddev_k, and the nearest one answers. Images that are known to come from one source are routed
// together, by the mean of their z_k: a single image says little. An uncertainty that is unusually
// low counts as much as one that is unusually high: a head may be sure of what it does not know.
// Not thread-safe.
class Router {
 public:
  // At least one expert, each with a gate.
  explicit Router(std::vector<Expert> experts);

  const std::vector<Expert>& experts() const { return experts_; }
  // The expert of each image, one for every `together` that follow each other (the last group may
  // be smaller): [B, C, H, W] -> int64 [B].
  torch::Tensor Choose(const torch::Tensor& images, int64_t together = 1);
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

// Evaluates every image of `dataset` once, in batches of `batch`, a multiple of `together`.
absl::StatusOr<RoutedEvaluation> EvaluateRouted(Router& router,
                                                std::shared_ptr<const data::Dataset> dataset,
                                                const data::PipelineConfig& pipeline, int64_t batch,
                                                int64_t together = 1);

}  // namespace sluice::train
