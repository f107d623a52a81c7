// The whole model with activations kept in other forms, against itself with float32.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/worker/train/small_model.h"
#include "worker/train/bench_variants.h"

namespace sluice::train {
namespace {

const std::vector<uint64_t> kIds = {1, 2, 3, 4, 5, 6};

struct Result {
  torch::Tensor loss, gradient;
};

// Loss and all gradients of one step of the small model in `mode`, with two thirds open.
Result StepOf(Mode mode, const memory::Settings& settings,
              model::Pool pool = model::Pool::kClassToken) {
  GateSettings gate = testing::SmallGate(mode, 0.3, /*train_head=*/true);
  const auto model = testing::MakeModel(gate, torch::kFloat, 0.0, pool);
  model->SetMemory(settings);
  TrainPass pass = model->TrainForward(testing::MakeBatch(kIds, {7, 1}, torch::kFloat),
                                       [](const GateDecision&) {});
  pass.loss.backward();
  std::vector<torch::Tensor> parts;
  for (const auto& [name, parameter] : model->Parameters()) {
    EXPECT_TRUE(parameter.grad().defined()) << name;
    if (parameter.grad().defined()) parts.push_back(parameter.grad().flatten());
  }
  return {pass.loss_sum, at::cat(parts)};
}

double Cosine(const torch::Tensor& a, const torch::Tensor& b) {
  const auto dot = [](const torch::Tensor& x, const torch::Tensor& y) {
    return (x * y).sum(torch::kDouble).item<double>();
  };
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

memory::Settings Form(memory::Storage form) {
  memory::Settings settings;
  settings.activations = form;
  return settings;
}

class KeptModel : public ::testing::TestWithParam<Mode> {};

TEST_P(KeptModel, SmallerFormsLeaveTheForwardAndTurnTheGradientLittle) {
  const Result exact = StepOf(GetParam(), {});
  for (const auto& [form, least] : {std::pair{memory::Storage::kBFloat16, 0.99999},
                                    std::pair{memory::Storage::kFloat8, 0.999}}) {
    const Result kept = StepOf(GetParam(), Form(form));
    EXPECT_TRUE(torch::equal(kept.loss, exact.loss));
    const double cosine = Cosine(kept.gradient, exact.gradient);
    EXPECT_GE(cosine, least);
    EXPECT_FALSE(torch::equal(kept.gradient, exact.gradient)) << "nothing was rounded";
  }
}

TEST_P(KeptModel, CheckpointingChangesNoBit) {
  if (GetParam() == Mode::kSelective) return;  // The configuration refuses it.
  memory::Settings settings;
  settings.recompute = true;
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    const Result exact = StepOf(GetParam(), {}, pool);
    const Result again = StepOf(GetParam(), settings, pool);
    EXPECT_TRUE(torch::equal(again.loss, exact.loss));
    EXPECT_TRUE(torch::equal(again.gradient, exact.gradient));
  }
}

TEST_P(KeptModel, AutocastStaysNearFloat32) {
  memory::Settings settings;
  settings.autocast = true;
  const Result exact = StepOf(GetParam(), {});
  const Result low = StepOf(GetParam(), settings);
  EXPECT_NEAR(low.loss.item<double>(), exact.loss.item<double>(), 2e-2 * exact.loss.item<double>());
  EXPECT_FALSE(torch::equal(low.loss, exact.loss)) << "nothing was computed in bfloat16";
  EXPECT_GE(Cosine(low.gradient, exact.gradient), 0.999);
}

INSTANTIATE_TEST_SUITE_P(Modes, KeptModel,
                         ::testing::Values(Mode::kDense, Mode::kMask, Mode::kSelective,
                                           Mode::kCompact));

// Parameters of which only parts are open have a product of their own.
TEST(KeptModel, AutocastTrainsPartlyOpenLayers) {
  const GateSettings gate = testing::SmallGate(Mode::kCompact, 0.3, false);
  const auto model = testing::MakeModel(gate, torch::kFloat);
  memory::Settings settings;
  settings.autocast = true;
  model->SetMemory(settings);
  model::ModelOpen open;
  model::BlockOpen block;
  block.heads.assign(static_cast<size_t>(model->vit()->config().heads), 0);
  block.heads[0] = 1;
  open.blocks.assign(static_cast<size_t>(model->vit()->config().depth), block);
  model->vit()->SetOpen(open);
  TrainPass pass = model->TrainForward(testing::MakeBatch(kIds, {7, 1}, torch::kFloat),
                                       [](const GateDecision&) {});
  pass.loss.backward();
  EXPECT_GT(model->vit()->blocks[0]->attn->qkv->weight.grad().abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace sluice::train
