// gate.budget_scope = ranks: whatever images a rank has, it opens as many tokens as the others, and
// the gradient is that of one process with the same open set.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/train/step_oracle.h"
#include "worker/train/step_setup.h"

namespace sluice::train {
namespace {

using testing::kDrawSeed;
using testing::NamedGradients;
using testing::OnRanks;
using testing::StepCase;
using testing::StepRank;

constexpr double kRate = 0.3;

StepCase UnevenCase(int ranks) {
  StepCase c;
  c.batch = 7;
  c.ids.resize(7);
  std::iota(c.ids.begin(), c.ids.end(), 1);
  c.budget_images = 7.0 / ranks;
  return c;
}

void UseBudget(GatedModel& model) {
  gate::Policy& policy = model.settings().gates[0].policy;
  policy.kind = gate::PolicyKind::kBudget;
  policy.rate = kRate;
  policy.batch_budget = true;
}

// The `count` patches with the largest scores of a rank's images.
std::vector<uint8_t> Largest(const std::vector<uint64_t>& ids, int64_t count) {
  const std::vector<float> scores = gate::RandomScores({kDrawSeed, 0}, ids, 9);
  std::vector<float> sorted = scores;
  std::sort(sorted.rbegin(), sorted.rend());
  std::vector<uint8_t> open;
  for (const float score : scores) open.push_back(score >= sorted[count - 1] ? 1 : 0);
  return open;
}

TEST(BalancedBudget, UnevenRanksOpenEquallyManyTokensWithTheGradientOfOneProcess) {
  for (const int ranks : {2, 3}) {
    const StepCase c = UnevenCase(ranks);
    const int64_t share = std::llround(kRate * static_cast<double>(std::llround(63.0 / ranks)));
    std::vector<uint8_t> mask;
    for (int rank = 0; rank < ranks; ++rank) {
      const data::IndexRange range = data::RankShare(c.batch, rank, ranks);
      const auto open = Largest({c.ids.begin() + range.begin, c.ids.begin() + range.end}, share);
      mask.insert(mask.end(), open.begin(), open.end());
    }
    const auto reference = testing::MakeModel(testing::SmallGate(c.mode, 0.0, false), c.type);
    const ModelBatch batch = testing::MakeBatch(c.ids, {}, c.type);
    const torch::Tensor loss = gate::testing::DenseOracleLoss(
        reference->vit(), batch.images, batch.labels, reference->settings().gates[0].layer, mask);
    const NamedGradients expected = gate::testing::Gradients(reference->vit(), loss);
    OnRanks(c, ranks, [&](StepRank& rank, dist::Group&) {
      UseBudget(rank.model());
      const auto outcome = rank.Run(1);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_EQ(outcome->timing.open_tokens, static_cast<uint64_t>(share));
      EXPECT_EQ(outcome->control.tokens_open, ranks * share);
      testing::ExpectGradients(rank.Gradients(), expected, c.type);
    });
  }
}

TEST(BalancedBudget, TheScopeSetsWhatTheBudgetIsAShareOf) {
  config::TrainConfig config;
  config.train.batch = 7;
  EXPECT_EQ(MakeStepOptions(config, 2).budget_images, 0.0);
  config.gate.budget_scope = "ranks";
  EXPECT_EQ(MakeStepOptions(config, 2).budget_images, 3.5);
}

}  // namespace
}  // namespace sluice::train
