#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/adamw.h"
#include "worker/torch.h"
#include "worker/train/param_groups.h"

namespace sluice::train {

enum class UpdateRule { kAdamW, kSgd };
UpdateRule ParseUpdateRule(const std::string& name);  // One of adamw, sgd.

struct OptimizerOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.05;
  UpdateRule rule = UpdateRule::kAdamW;
  double momentum = 0.9;  // Of SGD.
  // A dormant group's scale multiplies its gradient instead of its update: AdamW divides it away
  // again as its moments follow.
  bool scales_gradient = false;
};

// What one step is told about its groups. The order is: clip, moments, dormant scale, step.
struct StepScales {
  double lr = 0.0;
  double head_lr = 0.0;      // Of groups whose loss counts tokens.
  double image_scale = 1.0;  // 1 / open images of all ranks, times the clipping factor.
  double token_scale = 1.0;  // 1 / tokens of all ranks.
  std::map<std::string, double> update_scales;  // Dormant groups; others have 1.
  // Per group, 0 for one that rests: neither its values nor its state change. Empty: none rests.
  std::vector<uint8_t> may_change;
};

// AdamW or SGD with moments per parameter and a step count per group, so that a group that rests
// keeps its state untouched. Gradients are sums; StepScales normalises them. Both decay weights by
// lr * weight_decay apart from the gradient (Loshchilov and Hutter, "Decoupled weight decay
// regularization", ICLR 2019, algorithms 1 and 2, with SGD's momentum as PyTorch has it:
//   m = momentum * m + g;  p = p - lr * weight_decay * p - lr * m). Not thread-safe.
class Optimizer {
 public:
  // `parameters` in the order of the groups' indices, contiguous, float32 or float64, on one
  // device.
  Optimizer(std::vector<torch::Tensor> parameters, std::vector<ParameterShape> shapes,
            std::vector<ParameterGroup> groups, const OptimizerOptions& options);

  // L2 norm of image_scale times the gradients of the groups whose loss counts images, before
  // clipping. NaN or infinite if a gradient is. A parameter without a gradient counts as 0.
  double ImageGradientNorm(double image_scale) const;
  // One update of every group with a gradient.
  void Step(const StepScales& scales);
  // No parameter has a gradient after it. The next backward makes new ones and adds nothing to
  // zeros; what it does not reach counts as 0 and stays as it is.
  void ClearGradients();

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  const std::vector<ParameterShape>& shapes() const { return shapes_; }
  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  // State, for checkpoints: moments in the order of the parameters, step counts in the order of the
  // groups. SGD has no second moments.
  std::vector<torch::Tensor>& first_moments() { return first_; }
  std::vector<torch::Tensor>& second_moments() { return second_; }
  std::vector<int64_t>& group_steps() { return group_steps_; }

 private:
  void StepGroup(size_t group, const StepScales& scales);
  void StepAdamW(const ParameterGroup& group, kernels::AdamWCoefficients c);
  void StepSgd(const ParameterGroup& group, const kernels::AdamWCoefficients& c);

  std::vector<torch::Tensor> parameters_;
  std::vector<ParameterShape> shapes_;
  std::vector<ParameterGroup> groups_;
  OptimizerOptions options_;
  std::vector<torch::Tensor> first_;
  std::vector<torch::Tensor> second_;
  std::vector<int64_t> group_steps_;
  std::vector<bool> counts_images_;  // Per parameter.
};

}  // namespace sluice::train
