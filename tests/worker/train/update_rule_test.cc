// SGD, and what a dormant group's scale does under each rule.
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include "tests/worker/train/set_gradients.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/optimizer.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::SetGradients;
using testing::SmallGate;

OptimizerOptions Sgd(double decay, bool scales_gradient = false) {
  OptimizerOptions options;
  options.rule = UpdateRule::kSgd;
  options.weight_decay = decay;
  options.scales_gradient = scales_gradient;
  return options;
}

TEST(SgdRule, SixStepsEqualLibTorchsSgdWithTheDecayApart) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, false), torch::kDouble);
  const auto ours = MakeOptimizer(*model, Sgd(0.1));
  EXPECT_TRUE(ours->second_moments().empty());
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& p : ours->parameters())
    copies.push_back(p.detach().clone().set_requires_grad(true));
  torch::optim::SGD reference(copies, torch::optim::SGDOptions(0.05).momentum(0.9));
  for (int step = 1; step <= 6; ++step) {
    SetGradients(*ours, step);
    for (size_t i = 0; i < copies.size(); ++i) {
      const torch::NoGradGuard no_graph;
      copies[i].mutable_grad() = ours->parameters()[i].grad() * 0.25;
      if (IsDecayed(ours->shapes()[i])) copies[i].mul_(1.0 - 0.05 * 0.1);
    }
    reference.step();
    ours->Step({0.05, 0.05, 0.25, 0.125, {}, {}});
  }
  for (size_t i = 0; i < copies.size(); ++i) {
    EXPECT_LE((ours->parameters()[i] - copies[i]).abs().max().item<double>(), 1e-12)
        << ours->shapes()[i].name;
  }
}

// One parameter's change over two steps with gradients g1 and g2, by hand.
struct TwoSteps {
  torch::Tensor start, g1, g2, end;
};

TwoSteps StepTwice(const OptimizerOptions& options, double scale) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, false), torch::kDouble);
  const auto optimizer = MakeOptimizer(*model, options);
  size_t i = 0;
  while (optimizer->shapes()[i].name != "blocks.1.mlp.fc1.weight") ++i;
  const torch::Tensor p = optimizer->parameters()[i];
  TwoSteps result;
  result.start = p.detach().clone();
  for (torch::Tensor* g : {&result.g1, &result.g2}) {
    SetGradients(*optimizer, g == &result.g1 ? 1 : 2);
    *g = p.grad().clone();
    optimizer->Step({0.01, 0.01, 1.0, 1.0, {{"blocks.1.mlp", scale}}, {}});
  }
  result.end = p.detach().clone();
  return result;
}

void ExpectNear(const torch::Tensor& found, const torch::Tensor& expected, double tolerance) {
  EXPECT_LE((found - expected).abs().max().item<double>(), tolerance);
}

TEST(DormantScale, OfTheUpdateIsThatFactorUnderBothRules) {
  OptimizerOptions adamw;
  adamw.weight_decay = 0.0;
  for (const OptimizerOptions& options : {adamw, Sgd(0.0)}) {
    const TwoSteps once = StepTwice(options, 1.0), scaled = StepTwice(options, 3.0);
    ExpectNear(scaled.end - scaled.start, 3 * (once.end - once.start), 1e-12);
  }
  const TwoSteps sgd = StepTwice(Sgd(0.0), 3.0);
  ExpectNear(sgd.end, sgd.start - 3 * 0.01 * (sgd.g1 + (0.9 * sgd.g1 + sgd.g2)), 1e-12);
}

TEST(DormantScale, OfTheGradientIsDividedAwayByAdamWAlone) {
  const TwoSteps sgd = StepTwice(Sgd(0.0, true), 3.0);
  ExpectNear(sgd.end, sgd.start - 0.01 * (3 * sgd.g1 + (0.9 * 3 * sgd.g1 + 3 * sgd.g2)), 1e-12);
  OptimizerOptions adamw;
  adamw.weight_decay = 0.0;
  adamw.epsilon = 1e-16;
  const TwoSteps once = StepTwice(adamw, 1.0);
  adamw.scales_gradient = true;
  const TwoSteps scaled = StepTwice(adamw, 3.0);
  ExpectNear(scaled.end, once.end, 1e-9);
}

}  // namespace
}  // namespace sluice::train
