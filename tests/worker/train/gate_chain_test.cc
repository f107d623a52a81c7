#include "worker/train/gate_chain.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using testing::MakeBatch;
using testing::MakeModel;

const std::vector<uint64_t> kChainIds = {3, 10, 21, 4, 99};
const gate::DrawKey kChainKey{5, 2};

// Gates after blocks 1 and 3 that open the shares given.
GateSettings TwoGates(Mode mode, gate::Scorer scorer, double first, double second) {
  GateSettings settings;
  settings.mode = mode;
  settings.scorer = scorer;
  settings.train_head = gate::NeedsHead(scorer);
  for (const auto& [layer, rate] : {std::pair<int64_t, double>{1, first}, {3, second}}) {
    gate::Policy policy;
    policy.kind = gate::PolicyKind::kBudget;
    policy.rate = rate;
    settings.gates.push_back({layer, policy});
  }
  return settings;
}

struct ChainResult {
  TrainPass pass;
  GateDecision decision;
  std::map<std::string, torch::Tensor> gradients;
};

ChainResult TrainOnce(GatedModel& model, const ModelBatch& batch) {
  ChainResult result;
  result.pass =
      model.TrainForward(batch, [&](const GateDecision& decision) { result.decision = decision; });
  result.pass.loss.backward();
  for (const auto& [name, p] : model.Parameters())
    result.gradients[name] = p.grad().defined() ? p.grad().clone() : torch::zeros_like(p);
  return result;
}

std::unique_ptr<GatedModel> Drawn(const GateSettings& settings) {
  auto model = MakeModel(settings, torch::kDouble);
  const torch::NoGradGuard no_graph;
  torch::manual_seed(21);
  for (const auto& item : model->HeadParameters()) torch::Tensor(item.second).normal_();
  return model;
}

const std::vector<gate::Scorer> kAllScorers = {
    gate::Scorer::kHead,      gate::Scorer::kInformation,    gate::Scorer::kMargin,
    gate::Scorer::kAttention, gate::Scorer::kClassAttention, gate::Scorer::kRandom};

TEST(GateChainTest, AClosedTokenStaysClosedAndSharesAreOfTheWholeImage) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  for (const Mode mode : {Mode::kCompact, Mode::kSelective, Mode::kMask}) {
    for (const gate::Scorer scorer : kAllScorers) {
      SCOPED_TRACE(gate::ScorerName(scorer));
      const auto model = Drawn(TwoGates(mode, scorer, 5.0 / 9, 2.0 / 9));
      const GateDecision decision = TrainOnce(*model, batch).decision;
      ASSERT_EQ(decision.layers.size(), 2u);
      EXPECT_EQ(decision.layers[0].tokens_open, 25);
      EXPECT_EQ(decision.layers[1].tokens_open, 10);
      EXPECT_EQ(decision.tokens_open, 10);
      EXPECT_EQ(decision.images_open, 5);
      EXPECT_TRUE(decision.layers[0].present.empty());
      EXPECT_EQ(decision.layers[1].present, decision.layers[0].open);
      for (size_t i = 0; i < 45; ++i)
        EXPECT_LE(decision.layers[1].open[i], decision.layers[0].open[i]);
    }
  }
}

// The definition of both modes: what is open is the same, and so is everything that follows.
TEST(GateChainTest, MasksLogitsEqualCompactsForEveryScorer) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  for (const gate::Scorer scorer : kAllScorers) {
    SCOPED_TRACE(gate::ScorerName(scorer));
    const ChainResult compact =
        TrainOnce(*Drawn(TwoGates(Mode::kCompact, scorer, 5.0 / 9, 2.0 / 9)), batch);
    const ChainResult mask =
        TrainOnce(*Drawn(TwoGates(Mode::kMask, scorer, 5.0 / 9, 2.0 / 9)), batch);
    for (size_t k = 0; k < 2; ++k)
      EXPECT_EQ(mask.decision.layers[k].open, compact.decision.layers[k].open);
    const double loss = compact.pass.loss_sum.item<double>();
    EXPECT_NEAR(mask.pass.loss_sum.item<double>(), loss, 1e-10 * loss);
    EXPECT_EQ(mask.pass.correct.item<int64_t>(), compact.pass.correct.item<int64_t>());
  }
}

TEST(GateChainTest, OnlyMaskSendsTheMainLossIntoTheHead) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  std::map<Mode, torch::Tensor> heads;
  for (const Mode mode : {Mode::kCompact, Mode::kMask})
    heads[mode] = TrainOnce(*Drawn(TwoGates(mode, gate::Scorer::kHead, 5.0 / 9, 2.0 / 9)), batch)
                      .gradients.at("gate.1.head.weight");
  const double difference = (heads[Mode::kMask] - heads[Mode::kCompact]).norm().item<double>();
  EXPECT_GT(difference, 1e-9 * heads[Mode::kCompact].norm().item<double>());
}

TEST(GateChainTest, ShadowDecidesAsTheModeWouldAndTrainsDensely) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  GateSettings settings = TwoGates(Mode::kSelective, gate::Scorer::kInformation, 5.0 / 9, 2.0 / 9);
  const GateDecision expected = TrainOnce(*Drawn(settings), batch).decision;
  settings.shadow = true;
  const ChainResult shadow = TrainOnce(*Drawn(settings), batch);
  ASSERT_EQ(shadow.decision.layers.size(), 2u);
  EXPECT_EQ(shadow.decision.layers[1].open, expected.layers[1].open);
  EXPECT_EQ(shadow.decision.tokens_open, 10);
  EXPECT_EQ(shadow.decision.images_open, 5);
  settings.shadow = false;
  settings.mode = Mode::kDense;
  const ChainResult dense = TrainOnce(*Drawn(settings), batch);
  EXPECT_TRUE(dense.decision.layers.empty());
  for (const auto& [name, gradient] : dense.gradients) {
    if (name.rfind("gate.", 0) == 0) continue;
    EXPECT_TRUE(shadow.gradients.at(name).equal(gradient)) << name;
  }
}

TEST(GateChainTest, AnnealingOpensAtLeastWhatItIsTold) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  for (const gate::PolicyKind kind :
       {gate::PolicyKind::kBudget, gate::PolicyKind::kSample, gate::PolicyKind::kThreshold}) {
    GateSettings settings = TwoGates(Mode::kCompact, gate::Scorer::kRandom, 3.0 / 9, 1.0 / 9);
    for (GateAt& gate : settings.gates) {
      gate.policy.kind = kind;
      gate.policy.threshold = 1.0;
    }
    const auto model = Drawn(settings);
    for (const auto& [opening, first, second] :
         {std::tuple{1.0, 45, 45}, {0.5, 30, 25}, {0.0, 15, 5}}) {
      model->settings().opening = opening;
      const GateDecision decision = TrainOnce(*model, batch).decision;
      const bool closed = kind == gate::PolicyKind::kThreshold && opening == 0.0;
      EXPECT_EQ(decision.layers[0].tokens_open, closed ? 0 : first);
      EXPECT_EQ(decision.layers[1].tokens_open, closed ? 0 : second);
    }
  }
}

TEST(GateChainTest, NothingOpenAtTheFirstGateLeavesEveryGradientZeroButTheFirstHeads) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  for (const Mode mode : {Mode::kCompact, Mode::kSelective, Mode::kMask}) {
    GateSettings settings = TwoGates(mode, gate::Scorer::kHead, 1.0, 1.0);
    for (GateAt& gate : settings.gates) {
      gate.policy.kind = gate::PolicyKind::kThreshold;
      gate.policy.threshold = 1.0;
    }
    const auto model = Drawn(settings);
    const ChainResult result = TrainOnce(*model, batch);
    EXPECT_EQ(result.decision.images_open, 0);
    ASSERT_EQ(result.decision.layers.size(), 2u);
    EXPECT_EQ(result.decision.layers[1].tokens_open, 0);
    for (const auto& [name, p] : model->Parameters()) {
      ASSERT_TRUE(p.grad().defined()) << name;  // Or the reducer would wait for it.
      const bool first_head = name.rfind("gate.1.", 0) == 0;
      EXPECT_EQ(p.grad().abs().sum().item<double>() > 0.0, first_head) << name;
    }
  }
}

TEST(GateChainTest, TheTemperatureChangesScoresAndNoOrder) {
  const ModelBatch batch = MakeBatch(kChainIds, kChainKey, torch::kDouble);
  GateSettings settings = TwoGates(Mode::kCompact, gate::Scorer::kHead, 1.0, 1.0);
  const ChainResult plain = TrainOnce(*Drawn(settings), batch);
  settings.gates[0].temperature = 4.0;
  const ChainResult warm = TrainOnce(*Drawn(settings), batch);
  const auto mean = [](const LayerDecision& layer) {
    return std::accumulate(layer.scores.begin(), layer.scores.end(), 0.0) / 45.0;
  };
  EXPECT_GT(mean(warm.decision.layers[0]), mean(plain.decision.layers[0]) + 0.05);
  EXPECT_TRUE(
      warm.gradients.at("gate.1.head.weight").equal(plain.gradients.at("gate.1.head.weight")));
}

}  // namespace
}  // namespace sluice::train
