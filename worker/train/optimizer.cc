#include "worker/train/optimizer.h"

#include <cmath>

#include "common/status.h"
#include "worker/parallel.h"

namespace sluice::train {
namespace {

// The part of a tensor that a slice is, as a view.
torch::Tensor View(const torch::Tensor& x, const GroupSlice& s) {
  return x.view(-1).as_strided({s.rows, s.columns}, {s.stride, 1}, x.storage_offset() + s.offset);
}

// The update on a device without a kernel of ours, by LibTorch's operators on strided views.
void UpdateByOperators(const kernels::AdamWCoefficients& c, const GroupSlice& s,
                       const torch::Tensor& p, const torch::Tensor& g, const torch::Tensor& m,
                       const torch::Tensor& v) {
  const torch::Tensor gradient = View(g, s) * c.grad_scale;
  torch::Tensor pv = View(p, s), mv = View(m, s), vv = View(v, s);
  mv.mul_(c.beta1).add_(gradient, 1.0 - c.beta1);
  vv.mul_(c.beta2).addcmul_(gradient, gradient, 1.0 - c.beta2);
  pv.mul_(1.0 - c.lr * c.weight_decay);
  pv.addcdiv_(mv, (vv / c.correction2).sqrt_().add_(c.epsilon),
              -c.update_scale * c.lr / c.correction1);
}

template <typename T>
void UpdateOnCpu(const kernels::AdamWCoefficients& c, const GroupSlice& s, const torch::Tensor& p,
                 const torch::Tensor& g, const torch::Tensor& m, const torch::Tensor& v) {
  kernels::AdamW(c, {s.rows, s.columns, s.stride}, p.data_ptr<T>() + s.offset,
                 g.data_ptr<T>() + s.offset, m.data_ptr<T>() + s.offset,
                 v.data_ptr<T>() + s.offset);
}

}  // namespace

UpdateRule ParseUpdateRule(const std::string& name) {
  SLUICE_CHECK(name == "adamw" || name == "sgd");
  return name == "sgd" ? UpdateRule::kSgd : UpdateRule::kAdamW;
}

Optimizer::Optimizer(std::vector<torch::Tensor> parameters, std::vector<ParameterShape> shapes,
                     std::vector<ParameterGroup> groups, const OptimizerOptions& options)
    : parameters_(std::move(parameters)),
      shapes_(std::move(shapes)),
      groups_(std::move(groups)),
      options_(options),
      group_steps_(groups_.size(), 0),
      counts_images_(parameters_.size(), true) {
  SLUICE_CHECK(parameters_.size() == shapes_.size());
  for (const torch::Tensor& p : parameters_) {
    SLUICE_CHECK(p.is_contiguous());
    first_.push_back(torch::zeros_like(p));
    if (options_.rule == UpdateRule::kAdamW) second_.push_back(torch::zeros_like(p));
  }
  for (const ParameterGroup& group : groups_) {
    for (const GroupSlice& slice : group.slices)
      counts_images_[slice.parameter] = group.loss == LossKind::kImages;
  }
}

double Optimizer::ImageGradientNorm(double image_scale) const {
  // One sum of squares per parameter, read together: a single wait on a GPU.
  std::vector<torch::Tensor> squares;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& gradient = parameters_[i].grad();
    if (counts_images_[i] && gradient.defined())
      squares.push_back(at::linalg_vector_norm(gradient));
  }
  return squares.empty() ? 0.0
                         : image_scale * at::linalg_vector_norm(at::stack(squares)).item<double>();
}

void Optimizer::StepGroup(size_t index, const StepScales& scales) {
  const ParameterGroup& group = groups_[index];
  const bool images = group.loss == LossKind::kImages;
  const auto t = static_cast<double>(++group_steps_[index]);
  kernels::AdamWCoefficients c;
  c.lr = images ? scales.lr : scales.head_lr;
  c.beta1 = options_.beta1;
  c.beta2 = options_.beta2;
  c.epsilon = options_.epsilon;
  c.correction1 = 1.0 - std::pow(options_.beta1, t);
  c.correction2 = 1.0 - std::pow(options_.beta2, t);
  c.grad_scale = images ? scales.image_scale : scales.token_scale;
  const auto dormant = scales.update_scales.find(group.name);
  const double scale = dormant == scales.update_scales.end() ? 1.0 : dormant->second;
  (options_.scales_gradient ? c.grad_scale : c.update_scale) *= scale;
  options_.rule == UpdateRule::kAdamW ? StepAdamW(group, c) : StepSgd(group, c);
}

void Optimizer::StepAdamW(const ParameterGroup& group, kernels::AdamWCoefficients c) {
  for (const GroupSlice& slice : group.slices) {
    const torch::Tensor& p = parameters_[slice.parameter];
    c.weight_decay = IsDecayed(shapes_[slice.parameter]) ? options_.weight_decay : 0.0;
    const torch::Tensor gradient = p.grad().contiguous();
    const auto update = !p.device().is_cpu()               ? UpdateByOperators
                        : p.scalar_type() == torch::kFloat ? UpdateOnCpu<float>
                                                           : UpdateOnCpu<double>;
    update(c, slice, p, gradient, first_[slice.parameter], second_[slice.parameter]);
  }
}

void Optimizer::StepSgd(const ParameterGroup& group, const kernels::AdamWCoefficients& c) {
  for (const GroupSlice& slice : group.slices) {
    torch::Tensor p = View(parameters_[slice.parameter], slice);
    torch::Tensor m = View(first_[slice.parameter], slice);
    const torch::Tensor g = View(parameters_[slice.parameter].grad().contiguous(), slice);
    m.mul_(options_.momentum).add_(g, c.grad_scale);
    if (IsDecayed(shapes_[slice.parameter])) p.mul_(1.0 - c.lr * options_.weight_decay);
    p.add_(m, -c.update_scale * c.lr);
  }
}

void Optimizer::Step(const StepScales& scales) {
  const torch::NoGradGuard no_graph;
  SLUICE_CHECK(scales.may_change.empty() || scales.may_change.size() == groups_.size());
  ParallelFor(0, static_cast<int64_t>(groups_.size()), 1, [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_graph_here;
    for (int64_t g = begin; g < end; ++g) {
      if (!scales.may_change.empty() && scales.may_change[g] == 0) continue;
      if (parameters_[groups_[g].slices.front().parameter].grad().defined()) StepGroup(g, scales);
    }
  });
}

void Optimizer::ClearGradients() {
  for (torch::Tensor& p : parameters_) p.mutable_grad() = torch::Tensor();
}

}  // namespace sluice::train
