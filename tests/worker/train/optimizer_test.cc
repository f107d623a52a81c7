#include "worker/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <limits>

#include "tests/worker/train/set_gradients.h"
#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::SetGradients;
using testing::SmallGate;

constexpr double kImageScale = 0.25;
constexpr double kTokenScale = 0.125;

struct Reference {
  std::vector<torch::Tensor> parameters;
  std::unique_ptr<torch::optim::AdamW> optimizer;
};

// LibTorch's own AdamW on copies, with a group of decayed parameters, one of others and one of the
// uncertainty head's.
Reference MakeReference(const Optimizer& ours, double weight_decay) {
  Reference reference;
  std::vector<std::vector<torch::Tensor>> sets(4);
  for (size_t i = 0; i < ours.parameters().size(); ++i) {
    reference.parameters.push_back(ours.parameters()[i].detach().clone().set_requires_grad(true));
    const ParameterShape& shape = ours.shapes()[i];
    const bool decayed =
        shape.shape.size() >= 2 && shape.name != "pos_embed" && shape.name != "cls_token";
    const bool head = shape.name.rfind("gate.", 0) == 0;
    sets[(head ? 2 : 0) + (decayed ? 0 : 1)].push_back(reference.parameters.back());
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (size_t s = 0; s < sets.size(); ++s) {
    auto options = std::make_unique<torch::optim::AdamWOptions>(0.0);
    options->betas({0.8, 0.95}).eps(1e-6).weight_decay(s % 2 == 0 ? weight_decay : 0.0);
    groups.emplace_back(sets[s], std::move(options));
  }
  reference.optimizer =
      std::make_unique<torch::optim::AdamW>(std::move(groups), torch::optim::AdamWOptions(0.0));
  return reference;
}

void StepReference(Reference& reference, const Optimizer& ours, double lr, double head_lr) {
  for (size_t i = 0; i < reference.parameters.size(); ++i) {
    const bool head = ours.shapes()[i].name.rfind("gate.", 0) == 0;
    reference.parameters[i].mutable_grad() =
        ours.parameters()[i].grad() * (head ? kTokenScale : kImageScale);
  }
  auto& groups = reference.optimizer->param_groups();
  for (size_t s = 0; s < groups.size(); ++s)
    static_cast<torch::optim::AdamWOptions&>(groups[s].options()).lr(s >= 2 ? head_lr : lr);
  reference.optimizer->step();
}

void CheckAgainstReference(torch::ScalarType type, double tolerance) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, true), type);
  const auto ours = MakeOptimizer(*model, {0.8, 0.95, 1e-6, 0.1});
  Reference reference = MakeReference(*ours, 0.1);
  for (int step = 1; step <= 6; ++step) {
    SetGradients(*ours, step);
    const double lr = 0.01 * step, head_lr = 0.03;
    StepReference(reference, *ours, lr, head_lr);
    ours->Step({lr, head_lr, kImageScale, kTokenScale, {}, {}});
  }
  for (size_t i = 0; i < reference.parameters.size(); ++i) {
    const torch::Tensor difference = ours->parameters()[i] - reference.parameters[i];
    EXPECT_LE(difference.norm().item<double>(),
              tolerance * reference.parameters[i].norm().item<double>())
        << ours->shapes()[i].name;
  }
}

TEST(AdamWRule, SixStepsEqualLibTorchsAdamWInFloat64) {
  CheckAgainstReference(torch::kDouble, 1e-12);
}

TEST(AdamWRule, SixStepsEqualLibTorchsAdamWInFloat32) {
  CheckAgainstReference(torch::kFloat, 1e-5);
}

// Clones of everything that a step may change.
struct Snapshot {
  explicit Snapshot(Optimizer& optimizer) : steps(optimizer.group_steps()) {
    for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
      tensors.push_back(optimizer.parameters()[i].detach().clone());
      tensors.push_back(optimizer.first_moments()[i].clone());
      tensors.push_back(optimizer.second_moments()[i].clone());
    }
  }
  std::vector<torch::Tensor> tensors;
  std::vector<int64_t> steps;
};

TEST(OptimizerTest, AGroupWithoutGradientKeepsItsStateAndOthersGoOn) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, true), torch::kFloat);
  const auto optimizer = MakeOptimizer(*model, {0.9, 0.999, 1e-8, 0.1});
  SetGradients(*optimizer, 1);
  optimizer->Step({0.01, 0.01, 1.0, 1.0, {}, {}});
  const Snapshot before(*optimizer);
  SetGradients(*optimizer, 2);
  const auto rests = [](const std::string& name) {
    return name.rfind("blocks.1.mlp", 0) == 0 || name.rfind("gate.", 0) == 0;
  };
  for (size_t i = 0; i < optimizer->shapes().size(); ++i) {
    torch::Tensor p = optimizer->parameters()[i];
    if (rests(optimizer->shapes()[i].name)) p.mutable_grad() = torch::Tensor();
  }
  optimizer->Step({0.01, 0.01, 1.0, 1.0, {}, {}});
  const Snapshot after(*optimizer);
  for (size_t i = 0; i < optimizer->shapes().size(); ++i) {
    const std::string& name = optimizer->shapes()[i].name;
    for (size_t part = 0; part < 3; ++part)
      EXPECT_EQ(after.tensors[3 * i + part].equal(before.tensors[3 * i + part]), rests(name))
          << name;
  }
  for (size_t g = 0; g < optimizer->groups().size(); ++g)
    EXPECT_EQ(after.steps[g], rests(optimizer->groups()[g].name) ? 1 : 2);
}

TEST(OptimizerTest, AScaledGroupMovesFurtherWithTheSameMomentsAndDecay) {
  const std::string group = "blocks.1.attn.head.1";
  const auto run = [&](double scale) {
    const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, false), torch::kDouble);
    auto optimizer = MakeOptimizer(*model, {0.9, 0.999, 1e-8, 0.1});
    SetGradients(*optimizer, 1);
    optimizer->Step({0.01, 0.01, 1.0, 1.0, {{group, scale}}, {}});
    return optimizer;
  };
  const auto none = run(0.0), once = run(1.0), thrice = run(3.0);
  for (size_t i = 0; i < once->shapes().size(); ++i) {
    const std::string& name = once->shapes()[i].name;
    const torch::Tensor step = once->parameters()[i] - none->parameters()[i];
    const torch::Tensor scaled = thrice->parameters()[i] - none->parameters()[i];
    // At scale 0 only the decay is left, so that other groups do not differ and this one triples.
    EXPECT_LE((scaled - 3 * step).abs().max().item<double>(), 1e-14) << name;
    EXPECT_TRUE(once->first_moments()[i].equal(thrice->first_moments()[i])) << name;
    EXPECT_TRUE(once->second_moments()[i].equal(thrice->second_moments()[i])) << name;
  }
}

TEST(OptimizerTest, OnlyTheValuesOfTheScaledHeadDiffer) {
  const auto run = [](double scale) {
    const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, false), torch::kDouble);
    const auto optimizer = MakeOptimizer(*model);
    SetGradients(*optimizer, 1);
    optimizer->Step({0.01, 0.01, 1.0, 1.0, {{"blocks.1.attn.head.1", scale}}, {}});
    std::map<std::string, torch::Tensor> result;
    for (const auto& [name, p] : model->Parameters()) result[name] = p.detach().clone();
    return result;
  };
  const auto once = run(1.0), thrice = run(3.0);
  for (const auto& [name, p] : once) {
    const torch::Tensor differs = p != thrice.at(name);
    torch::Tensor expected = torch::zeros_like(differs);
    if (name.rfind("blocks.1.attn.qkv", 0) == 0) {
      for (const int64_t part : {0, 1, 2}) expected.narrow(0, part * 16 + 8, 8).fill_(true);
    } else if (name == "blocks.1.attn.proj.weight") {
      expected.narrow(1, 8, 8).fill_(true);
    }
    EXPECT_TRUE(differs.equal(expected)) << name;
  }
}

TEST(OptimizerTest, TheNormIsOfTheImagesGroupsOnly) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, true), torch::kDouble);
  const auto optimizer = MakeOptimizer(*model);
  EXPECT_EQ(optimizer->ImageGradientNorm(1.0), 0.0);
  int64_t values = 0;
  for (size_t i = 0; i < optimizer->shapes().size(); ++i) {
    torch::Tensor p = optimizer->parameters()[i];
    const bool head = optimizer->shapes()[i].name.rfind("gate.", 0) == 0;
    p.mutable_grad() = torch::full_like(p.detach(), head ? 1e9 : 2.0);
    values += head ? 0 : p.numel();
  }
  EXPECT_NEAR(optimizer->ImageGradientNorm(0.5), std::sqrt(static_cast<double>(values)), 1e-9);
  optimizer->parameters()[3].mutable_grad().view(-1)[0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(optimizer->ImageGradientNorm(0.5)));
}

// A backward may then take its own tensors for gradients instead of adding them to zeros.
TEST(OptimizerTest, ClearedGradientsAreGone) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.0, false), torch::kFloat);
  const auto optimizer = MakeOptimizer(*model);
  optimizer->ClearGradients();  // Nothing to do yet.
  SetGradients(*optimizer, 1);
  optimizer->ClearGradients();
  for (const torch::Tensor& p : optimizer->parameters()) EXPECT_FALSE(p.grad().defined());
}

// A group that rests although it has a gradient: its values, moments and step count stay.
TEST(OptimizerTest, AGroupThatMayNotChangeRests) {
  const auto model = MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble);
  const auto optimizer = MakeOptimizer(*model);
  for (const torch::Tensor& p : optimizer->parameters())
    torch::Tensor(p).mutable_grad() = torch::ones_like(p);
  StepScales scales;
  scales.lr = 0.1;
  scales.may_change.assign(optimizer->groups().size(), 1);
  size_t mlp = 0;
  while (optimizer->groups()[mlp].name != "blocks.2.mlp") ++mlp;
  scales.may_change[mlp] = 0;
  std::vector<torch::Tensor> before;
  for (const torch::Tensor& p : optimizer->parameters()) before.push_back(p.detach().clone());
  optimizer->Step(scales);
  for (size_t g = 0; g < optimizer->groups().size(); ++g) {
    EXPECT_EQ(optimizer->group_steps()[g], g == mlp ? 0 : 1);
    for (const GroupSlice& slice : optimizer->groups()[g].slices) {
      const int64_t i = slice.parameter;
      EXPECT_EQ(optimizer->parameters()[i].equal(before[i]), g == mlp)
          << optimizer->shapes()[i].name;
      EXPECT_EQ(optimizer->first_moments()[i].abs().sum().item<double>() == 0.0, g == mlp);
    }
  }
}

}  // namespace
}  // namespace sluice::train
