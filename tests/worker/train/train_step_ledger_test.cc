#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/train/step_oracle.h"
#include "worker/train/train_step.h"

namespace sluice::train {
namespace {

using testing::OnRanks;
using testing::StepCase;
using testing::StepRank;

// Three steps with a measurement in the second one, against three without.
void CheckLedger(int ranks, int64_t accumulate) {
  SCOPED_TRACE(::testing::Message() << ranks << " ranks, " << accumulate << " micro-steps");
  StepCase plain;
  plain.train_head = true;
  plain.accumulate = accumulate;
  plain.ids.resize(18 * accumulate);
  std::iota(plain.ids.begin(), plain.ids.end(), 1);
  StepCase measured = plain;
  measured.ledger_every = 2;
  std::vector<std::vector<torch::Tensor>> expected(ranks);
  OnRanks(plain, ranks, [&](StepRank& rank, dist::Group& group) {
    for (int64_t step = 1; step <= 3; ++step) ASSERT_TRUE(rank.Run(step).ok());
    expected[group.rank()] = rank.State();
  });
  OnRanks(measured, ranks, [&](StepRank& rank, dist::Group& group) {
    for (int64_t step = 1; step <= 3; ++step) {
      const auto outcome = rank.Run(step);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      ASSERT_EQ(outcome->ledger.has_value(), step == 2);
      if (step != 2) continue;
      EXPECT_EQ(outcome->ledger->step, 2);
      EXPECT_GT(outcome->ledger->dense_seconds, 0.0);
      EXPECT_GT(outcome->ledger->gated_seconds, 0.0);
      EXPECT_GE(outcome->ledger_seconds, outcome->ledger->dense_seconds);
      EXPECT_GT(outcome->ledger->dense_bytes, outcome->ledger->gated_bytes);
      EXPECT_LT(outcome->ledger->flops_ratio, 1.0);
    }
    const std::vector<torch::Tensor> state = rank.State();
    for (size_t i = 0; i < state.size(); ++i)
      EXPECT_TRUE(state[i].equal(expected[group.rank()][i])) << i;
  });
}

TEST(TrainStepLedgerTest, TheDenseStepChangesNoBit) {
  for (const int ranks : {1, 2, 3}) {
    for (const int64_t accumulate : {1, 2}) CheckLedger(ranks, accumulate);
  }
}

}  // namespace
}  // namespace sluice::train
