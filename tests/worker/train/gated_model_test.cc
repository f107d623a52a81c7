#include "worker/train/gated_model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/train/small_model.h"
#include "worker/gate/score.h"

namespace sluice::train {
namespace {

using testing::MakeBatch;
using testing::MakeModel;
using testing::SmallGate;

const std::vector<uint64_t> kIds = {3, 10, 21, 4, 99};
const gate::DrawKey kKey{5, 2};

struct Pass {
  TrainPass pass;
  GateDecision decision;
  std::map<std::string, torch::Tensor> gradients;
};

Pass Train(GatedModel& model, const ModelBatch& batch) {
  Pass result;
  int calls = 0;
  result.pass = model.TrainForward(batch, [&](const GateDecision& decision) {
    result.decision = decision;
    ++calls;
  });
  EXPECT_EQ(calls, 1);
  result.pass.loss.backward();
  for (const auto& [name, p] : model.Parameters())
    result.gradients[name] = p.grad().defined() ? p.grad().clone() : torch::zeros_like(p);
  return result;
}

void ExpectClose(const std::map<std::string, torch::Tensor>& actual,
                 const std::map<std::string, torch::Tensor>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, gradient] : expected) {
    EXPECT_LE((actual.at(name) - gradient).norm().item<double>(),
              tolerance * std::max(gradient.norm().item<double>(), 1e-3))
        << name;
  }
}

TEST(GatedModelTest, CompactAtThresholdZeroEqualsDense) {
  for (const auto& [type, tolerance] :
       {std::pair{torch::kDouble, 1e-9}, std::pair{torch::kFloat, 1e-5}}) {
    for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
      const ModelBatch batch = MakeBatch(kIds, kKey, type);
      const auto dense = MakeModel(SmallGate(Mode::kDense, 0.0, true), type, 0.1, pool);
      const auto compact = MakeModel(SmallGate(Mode::kCompact, 0.0, true), type, 0.1, pool);
      const Pass a = Train(*dense, batch), b = Train(*compact, batch);
      ExpectClose(b.gradients, a.gradients, tolerance);
      const double loss = a.pass.loss.item<double>();
      EXPECT_NEAR(b.pass.loss.item<double>(), loss, tolerance * loss);
      EXPECT_NEAR(b.pass.loss_sum.item<double>(), a.pass.loss_sum.item<double>(), tolerance * loss);
      EXPECT_EQ(b.pass.correct.item<int64_t>(), a.pass.correct.item<int64_t>());
      EXPECT_EQ(b.decision.tokens_open, a.decision.tokens_open);
      EXPECT_EQ(b.decision.images_open, 5);
      EXPECT_EQ(b.decision.tokens_open, 45);
    }
  }
}

TEST(GatedModelTest, TheDecisionIsThePoliciesAndCountsMatchIt) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.8, false), torch::kFloat);
  const Pass pass = Train(*model, MakeBatch(kIds, kKey, torch::kFloat));
  EXPECT_EQ(pass.decision.layers[0].scores, gate::RandomScores(kKey, kIds, 9));
  int64_t tokens = 0, images = 0;
  for (size_t i = 0; i < kIds.size(); ++i) {
    int64_t of_image = 0;
    for (size_t j = 0; j < 9; ++j) {
      const bool open = pass.decision.layers[0].scores[9 * i + j] > 0.8;
      EXPECT_EQ(pass.decision.layers[0].open[9 * i + j] != 0, open);
      of_image += open ? 1 : 0;
    }
    tokens += of_image;
    images += of_image > 0 ? 1 : 0;
  }
  EXPECT_EQ(pass.decision.tokens_open, tokens);
  EXPECT_EQ(pass.decision.images_open, images);
  EXPECT_LT(tokens, 45);
}

TEST(GatedModelTest, TheHeadsLossReachesNoOtherParameterAndTheMainLossNotTheHead) {
  for (const Mode mode : {Mode::kDense, Mode::kCompact}) {
    const ModelBatch batch = MakeBatch(kIds, kKey, torch::kDouble);
    const auto without = MakeModel(SmallGate(mode, 0.5, false), torch::kDouble);
    const auto with = MakeModel(SmallGate(mode, 0.5, true), torch::kDouble);
    const Pass a = Train(*without, batch), b = Train(*with, batch);
    for (const auto& [name, gradient] : a.gradients)
      EXPECT_TRUE(b.gradients.at(name).equal(gradient)) << name;
    EXPECT_EQ(b.gradients.size(), a.gradients.size() + 2);
    // Label smoothing changes the main loss and leaves the head's alone.
    const auto smooth = MakeModel(SmallGate(mode, 0.5, true), torch::kDouble, 0.3);
    const Pass c = Train(*smooth, batch);
    EXPECT_FALSE(c.gradients.at("head.bias").equal(b.gradients.at("head.bias")));
    for (const std::string name : {"gate.2.head.weight", "gate.2.head.bias"}) {
      EXPECT_TRUE(c.gradients.at(name).equal(b.gradients.at(name))) << name;
      EXPECT_GT(b.gradients.at(name).norm().item<double>(), 0.0);
    }
    EXPECT_EQ(a.pass.loss_sum.item<double>(), b.pass.loss_sum.item<double>());
  }
}

TEST(GatedModelTest, TheHeadLearnsFromAllTokensAlsoWhereNothingIsOpen) {
  const ModelBatch batch = MakeBatch(kIds, kKey, torch::kDouble);
  const auto closed = MakeModel(SmallGate(Mode::kCompact, 1.0, true), torch::kDouble);
  const auto dense = MakeModel(SmallGate(Mode::kDense, 0.0, true), torch::kDouble);
  const Pass a = Train(*closed, batch), b = Train(*dense, batch);
  EXPECT_EQ(a.decision.images_open, 0);
  EXPECT_EQ(a.pass.loss_sum.item<double>(), 0.0);
  EXPECT_EQ(a.pass.correct.item<int64_t>(), 0);
  for (const auto& [name, gradient] : a.gradients) {
    if (name.rfind("gate.", 0) == 0) {
      EXPECT_LE((gradient - b.gradients.at(name)).norm().item<double>(), 1e-10) << name;
    } else {
      EXPECT_EQ(gradient.abs().sum().item<double>(), 0.0) << name;
    }
  }
}

// A head that tells tokens apart: as created, all tokens score the same.
void DrawHead(GatedModel& model) {
  const torch::NoGradGuard no_graph;
  torch::manual_seed(21);
  for (const auto& item : model.HeadParameters()) torch::Tensor(item.second).normal_();
}

TEST(GatedModelTest, EvaluationGivesLogitsInTheOrderOfTheBatch) {
  for (const gate::Scorer scorer :
       {gate::Scorer::kRandom, gate::Scorer::kHead, gate::Scorer::kInformation}) {
    GateSettings settings = SmallGate(Mode::kCompact, 0.5, false);
    settings.scorer = scorer;
    if (scorer == gate::Scorer::kInformation) settings.gates[0].policy.threshold = 0.05;
    const auto model = MakeModel(settings, torch::kDouble);
    DrawHead(*model);
    GateDecision together;
    const torch::Tensor logits = model->EvalGated(MakeBatch(kIds, kKey, torch::kDouble), &together);
    ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{5, 5}));
    EXPECT_FALSE(logits.requires_grad());
    int64_t open = 0;
    for (size_t i = 0; i < kIds.size(); ++i) {
      GateDecision alone;
      const torch::Tensor own =
          model->EvalGated(MakeBatch({kIds[i]}, kKey, torch::kDouble), &alone);
      EXPECT_LE((logits[i] - own[0]).abs().max().item<double>(), 1e-12) << i;
      open += alone.tokens_open;
    }
    EXPECT_EQ(together.tokens_open, open);
    EXPECT_GT(open, 0);
    EXPECT_LT(open, 45);
  }
}

TEST(GatedModelTest, EvaluationOpensAtLeastOnePatchOfEachImage) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 1.0, false), torch::kFloat);
  GateDecision decision;
  const torch::Tensor logits = model->EvalGated(MakeBatch(kIds, kKey, torch::kFloat), &decision);
  EXPECT_EQ(decision.tokens_open, 5);
  EXPECT_EQ(decision.images_open, 5);
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  // One that is wholly open is the dense model, in any mode.
  model->settings().mode = Mode::kDense;
  model->settings().gates[0].policy.threshold = 0.0;
  const ModelBatch batch = MakeBatch(kIds, kKey, torch::kFloat);
  const torch::Tensor difference = model->EvalGated(batch, &decision) - model->EvalDense(batch);
  EXPECT_LE(difference.abs().max().item<double>(), 1e-5);
}

TEST(GatedModelTest, EvaluationChangesNoGradient) {
  const auto model = MakeModel(SmallGate(Mode::kCompact, 0.5, true), torch::kFloat);
  GateDecision decision;
  EXPECT_FALSE(model->EvalDense(MakeBatch(kIds, kKey, torch::kFloat)).requires_grad());
  model->EvalGated(MakeBatch(kIds, kKey, torch::kFloat), &decision);
  for (const auto& [name, p] : model->Parameters()) EXPECT_FALSE(p.grad().defined()) << name;
}

TEST(GatedModelTest, ParametersListTheHeadOnlyWhereItIsTrained) {
  const auto with = MakeModel(SmallGate(Mode::kDense, 0.0, true), torch::kDouble);
  const auto without = MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble);
  const model::NamedTensors a = with->Parameters(), b = without->Parameters();
  ASSERT_EQ(a.size(), b.size() + 2);
  EXPECT_EQ(a[b.size()].first, "gate.2.head.weight");
  EXPECT_EQ(a[b.size() + 1].first, "gate.2.head.bias");
  EXPECT_EQ(without->HeadParameters().size(), 2u);
  for (const auto& [name, p] : a) {
    EXPECT_EQ(p.scalar_type(), torch::kDouble) << name;
    EXPECT_TRUE(p.requires_grad()) << name;
  }
  for (size_t i = 0; i < b.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << b[i].first;
}

}  // namespace
}  // namespace sluice::train
