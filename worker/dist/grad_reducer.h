#pragma once

#include <memory>
#include <string>
#include <vector>

#include "worker/dist/process_group.h"
#include "worker/torch.h"

namespace c10d {
class Reducer;
}

namespace sluice::dist {

// Sums gradients over ranks while the backward runs: c10d's Reducer with a hook that sums (its
// default averages). Buckets are never rebuilt, because that would change the order of summation
// and with it a resumed run. Every parameter must get a gradient in each reduced backward: add
// TouchAll to the loss of a rank that has nothing open.
class GradReducer {
 public:
  // `parameters` require gradients; same order and shapes on every rank. One rank needs no reducer
  // and does nothing.
  GradReducer(const Group& group, const std::vector<torch::Tensor>& parameters,
              const std::vector<std::string>& names);
  ~GradReducer();
  GradReducer(const GradReducer&) = delete;
  GradReducer& operator=(const GradReducer&) = delete;

  // Backward of a micro-step whose gradients stay on this rank (reduce = false) or are summed over
  // ranks with all that was accumulated before. Gradients are complete when it returns.
  absl::Status Backward(const torch::Tensor& loss, bool reduce);

 private:
  std::unique_ptr<c10d::Reducer> reducer_;
};

// A zero that depends on every parameter, so that each gets a gradient of zeros.
torch::Tensor TouchAll(const std::vector<torch::Tensor>& parameters);

}  // namespace sluice::dist
