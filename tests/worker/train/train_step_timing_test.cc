// What a step says of its own time and traffic, and compressed gradients in a whole step.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/train/step_oracle.h"

namespace sluice::train {
namespace {

using testing::OnRanks;
using testing::StepCase;
using testing::StepRank;

StepCase CaseOf(int64_t steps) {
  StepCase c;
  c.type = torch::kFloat;
  c.ids.resize(6 * steps);
  std::iota(c.ids.begin(), c.ids.end(), 1);
  return c;
}

uint64_t ParameterBytes(const StepRank& rank) {
  uint64_t bytes = 0;
  for (const torch::Tensor& gradient : rank.State()) bytes += gradient.nbytes();
  // State holds each parameter with its two moments, and the groups' step counts at the end.
  return (bytes - rank.State().back().nbytes()) / 3;
}

TEST(TrainStepTimingTest, TheRankThatWorksLongestSaysSo) {
  StepCase c = CaseOf(1);
  c.slow_rank = 1;
  std::vector<StepTiming> timings(3);
  OnRanks(c, 3, [&](StepRank& rank, dist::Group& group) {
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    timings[group.rank()] = outcome->timing;
    EXPECT_EQ(outcome->timing.gradient_bytes, ParameterBytes(rank));
    EXPECT_EQ(outcome->timing.open_tokens, rank.counters().layers[0].tokens_open);
  });
  // It loads two images, and may have begun before the step.
  EXPECT_GE(timings[1].own_seconds, std::chrono::duration<double>(testing::kSlowImage).count());
  EXPECT_LT(timings[0].own_seconds, timings[1].own_seconds);
  EXPECT_LT(timings[2].own_seconds, timings[1].own_seconds);
  for (const StepTiming& timing : timings) {
    EXPECT_GT(timing.own_seconds, 0.0);
    EXPECT_GT(timing.backward_seconds, 0.0);
    EXPECT_GT(timing.exposed_seconds, 0.0);
    EXPECT_LE(timing.exposed_seconds, timing.communication_seconds);
    EXPECT_LE(timing.communication_seconds, timing.backward_seconds);
  }
}

TEST(TrainStepTimingTest, AloneNothingIsSent) {
  OnRanks(CaseOf(1), 1, [](StepRank& rank, dist::Group&) {
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_GT(outcome->timing.own_seconds, 0.0);
    EXPECT_GT(outcome->timing.backward_seconds, 0.0);
    EXPECT_EQ(outcome->timing.communication_seconds, 0.0);
    EXPECT_EQ(outcome->timing.gradient_bytes, 0u);
  });
}

TEST(TrainStepTimingTest, TheLedgersDensePassIsNotTheStepsTraffic) {
  StepCase c = CaseOf(2);
  c.ledger_every = 2;
  OnRanks(c, 2, [](StepRank& rank, dist::Group&) {
    const auto plain = rank.Run(1), measured = rank.Run(2);
    ASSERT_TRUE(plain.ok() && measured.ok());
    ASSERT_TRUE(measured->ledger.has_value());
    EXPECT_EQ(measured->timing.gradient_bytes, plain->timing.gradient_bytes);
    EXPECT_EQ(rank.step().bytes_sent(), 3 * plain->timing.gradient_bytes);
  });
}

TEST(TrainStepTimingTest, CompressedStepsSendHalfAndKeepRanksTheSame) {
  StepCase c = CaseOf(4);
  std::vector<torch::Tensor> whole;
  OnRanks(c, 2, [&](StepRank& rank, dist::Group& group) {
    for (int64_t step = 1; step <= 4; ++step) ASSERT_TRUE(rank.Run(step).ok());
    if (group.rank() == 0) whole = rank.State();
  });
  c.compression = dist::Compression::kBf16;
  std::vector<std::vector<torch::Tensor>> states(2);
  for (int again = 0; again < 2; ++again) {
    const std::vector<torch::Tensor> before = states[0];
    OnRanks(c, 2, [&](StepRank& rank, dist::Group& group) {
      for (int64_t step = 1; step <= 4; ++step) {
        const auto outcome = rank.Run(step);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        EXPECT_EQ(outcome->timing.gradient_bytes, ParameterBytes(rank) / 2);
      }
      states[group.rank()] = rank.State();
    });
    for (size_t i = 0; i < states[0].size(); ++i) {
      EXPECT_TRUE(states[1][i].equal(states[0][i])) << i;
      if (again > 0) {
        EXPECT_TRUE(before[i].equal(states[0][i])) << "not deterministic: " << i;
      }
    }
  }
  double difference = 0.0, size = 0.0;
  for (size_t i = 1; i + 1 < whole.size(); i += 3) {  // First moments: sums of gradients.
    difference += (whole[i] - states[0][i]).pow(2).sum().item<double>();
    size += whole[i].pow(2).sum().item<double>();
  }
  EXPECT_LT(std::sqrt(difference / size), 0.02) << "bfloat16 rounds by up to 1 / 256";
  EXPECT_GT(difference, 0.0);
}

}  // namespace
}  // namespace sluice::train
