#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/pipeline.h"
#include "worker/train/gated_model.h"
#include "worker/train/optimizer.h"

namespace sluice::train {

// Elastic weight consolidation (Kirkpatrick et al., "Overcoming catastrophic forgetting in neural
// networks", PNAS 2017): of every earlier domain d the loss has lambda / 2 * sum F_d (w - w_d)^2,
// with the weights w_d at its end and F_d, the mean square of the gradient of one image's loss
// (the empirical Fisher information's diagonal).
class Ewc {
 public:
  // The sum over all files NAME.fisher.safetensors of `folder`, for the parameters of `optimizer`;
  // those that a file lacks are free. NOT_FOUND if there is no file, INVALID_ARGUMENT that names
  // file and tensor for another shape.
  static absl::StatusOr<Ewc> Load(const std::string& folder, double lambda,
                                  const Optimizer& optimizer);

  // Adds `scale` times the penalty's gradient to the parameters' gradients, where they have one.
  void AddGradient(double scale) const;

 private:
  double lambda_ = 0.0;
  std::vector<torch::Tensor> parameters_;  // Of the optimizer; undefined below: free.
  std::vector<torch::Tensor> fisher_;      // Sum of F_d.
  std::vector<torch::Tensor> pull_;        // Sum of F_d * w_d.
};

// Writes weights and Fisher information of a model that has just learnt a domain, from the first
// `images` images (in batches of one) as the run saw them without augmentation.
absl::Status WriteFisher(const std::string& path, GatedModel& model, const data::Dataset& dataset,
                         const data::PipelineConfig& pipeline, int64_t images);

}  // namespace sluice::train
