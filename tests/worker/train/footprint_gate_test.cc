#include "worker/train/footprint_gate.h"

#include <gtest/gtest.h>

#include <mutex>
#include <numeric>

#include "tests/worker/train/step_oracle.h"

namespace sluice::train {
namespace {

using testing::OnRanks;
using testing::StepCase;
using testing::StepRank;

StepCase FootprintCase(double rate, bool rest, Mode mode = Mode::kCompact) {
  StepCase c;
  c.mode = mode;
  c.clip = 0.0;
  c.ids.resize(48);
  std::iota(c.ids.begin(), c.ids.end(), uint64_t{1});
  c.footprint.rate = rate;
  c.footprint.rest = rest;
  c.footprint.every = 2;
  return c;
}

std::vector<torch::Tensor> StateAfter(const StepCase& c, int ranks, int64_t steps) {
  std::vector<torch::Tensor> state;
  std::mutex mutex;
  OnRanks(c, ranks, [&](StepRank& rank, dist::Group& group) {
    for (int64_t step = 1; step <= steps; ++step) {
      const auto outcome = rank.Run(step);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
    }
    const std::lock_guard lock(mutex);
    if (group.rank() == 0) state = rank.State();
  });
  return state;
}

class FootprintStepTest : public ::testing::TestWithParam<std::tuple<Mode, int>> {
 protected:
  Mode mode() const { return std::get<0>(GetParam()); }
  int ranks() const { return std::get<1>(GetParam()); }
};

TEST_P(FootprintStepTest, EverythingClosedChangesNoBit) {
  for (const double rate : {0.0}) {
    OnRanks(FootprintCase(rate, false, mode()), ranks(), [&](StepRank& rank, dist::Group&) {
      const std::vector<torch::Tensor> before = rank.State();
      for (int64_t step = 1; step <= 3; ++step) {
        const auto outcome = rank.Run(step);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        EXPECT_FALSE(outcome->updated);
        EXPECT_TRUE(outcome->loss.has_value());  // Seen all the same.
      }
      const std::vector<torch::Tensor> after = rank.State();
      for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(after[i].equal(before[i])) << i;
    });
  }
}

TEST_P(FootprintStepTest, EverythingOpenEqualsNoFootprintGate) {
  // A rate that rounds to all heads and all MLPs, and still is a gate that decides.
  const std::vector<torch::Tensor> gated =
      StateAfter(FootprintCase(0.99, true, mode()), ranks(), 4);
  const std::vector<torch::Tensor> plain = StateAfter(FootprintCase(1.0, true, mode()), ranks(), 4);
  ASSERT_EQ(gated.size(), plain.size());
  for (size_t i = 0; i < gated.size(); ++i) EXPECT_TRUE(gated[i].equal(plain[i])) << i;
}

// One step with a half open: groups that may change get what they get without a gate, the others
// keep values, moments and step counts to the bit.
TEST_P(FootprintStepTest, ClosedGroupsRestAndOpenOnesAreSteppedAsEver) {
  const std::vector<torch::Tensor> plain = StateAfter(FootprintCase(1.0, true, mode()), ranks(), 1);
  OnRanks(FootprintCase(0.5, false, mode()), ranks(), [&](StepRank& rank, dist::Group&) {
    const std::vector<torch::Tensor> before = rank.State();
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(outcome->updated);
    const std::vector<torch::Tensor> after = rank.State();
    const std::vector<uint8_t>& may = rank.step().footprint().may_change();
    const std::vector<ParameterGroup>& groups = rank.optimizer().groups();
    ASSERT_EQ(may.size(), groups.size());
    int64_t open = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      open += may[g];
      EXPECT_EQ(after.back()[g].item<int64_t>(), may[g]) << groups[g].name;
      for (const GroupSlice& slice : groups[g].slices) {
        for (int64_t kind = 0; kind < 3; ++kind) {  // Values, first and second moments.
          const int64_t i = 3 * slice.parameter + kind;
          const auto view = [&](const torch::Tensor& t) {
            return t.view(-1).as_strided({slice.rows, slice.columns}, {slice.stride, 1},
                                         slice.offset);
          };
          const torch::Tensor& expected = may[g] != 0 ? plain[i] : before[i];
          EXPECT_TRUE(view(after[i]).allclose(view(expected), may[g] != 0 ? 1e-9 : 0.0,
                                              may[g] != 0 ? 1e-12 : 0.0))
              << groups[g].name << " " << i;
        }
      }
    }
    EXPECT_GT(open, 3);
    EXPECT_LT(open, static_cast<int64_t>(groups.size()) - 3);
  });
}

TEST_P(FootprintStepTest, OfAFrozenBackboneTheClassifierAndTheHeadsAloneChange) {
  for (const double rate : {1.0, 0.5}) {  // Without a footprint gate, and with one that rests too.
    StepCase c = FootprintCase(rate, rate == 1.0, mode());
    c.train_head = true;
    OnRanks(c, ranks(), [&](StepRank& rank, dist::Group&) {
      ASSERT_TRUE(rank.Run(1).ok());
      const std::vector<torch::Tensor> before = rank.State();
      rank.step().footprint().Freeze(true, 2);
      EXPECT_TRUE(rank.step().footprint().frozen());
      for (int64_t step = 2; step <= 4; ++step) {
        const auto outcome = rank.Run(step);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        EXPECT_TRUE(outcome->updated);
      }
      const std::vector<torch::Tensor> after = rank.State();
      const std::vector<ParameterShape>& shapes = rank.optimizer().shapes();
      for (size_t p = 0; p < shapes.size(); ++p) {
        const std::string& name = shapes[p].name;
        const bool changes = name.rfind("head.", 0) == 0 || name.rfind("gate.", 0) == 0;
        for (size_t kind = 0; kind < 3; ++kind)  // Values, first and second moments.
          EXPECT_EQ(after[3 * p + kind].equal(before[3 * p + kind]), !changes) << name << kind;
      }
      const std::vector<ParameterGroup>& groups = rank.optimizer().groups();
      for (size_t g = 0; g < groups.size(); ++g) {
        const bool changes = groups[g].name == "head" || groups[g].name.rfind("gate.", 0) == 0;
        EXPECT_EQ(after.back()[g].item<int64_t>() - before.back()[g].item<int64_t>(),
                  changes ? 3 : 0)
            << groups[g].name;
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, FootprintStepTest,
                         ::testing::Combine(::testing::Values(Mode::kCompact, Mode::kSelective,
                                                              Mode::kMask, Mode::kDense),
                                            ::testing::Values(1, 3)));

TEST(FootprintGateTest, AnyNumberOfRanksEndsAtTheSameParameters) {
  const StepCase c = FootprintCase(0.5, true);
  const std::vector<torch::Tensor> alone = StateAfter(c, 1, 6);
  for (const int ranks : {2, 3}) {
    const std::vector<torch::Tensor> state = StateAfter(c, ranks, 6);
    for (size_t i = 0; i + 1 < state.size(); ++i) {
      EXPECT_LE((state[i] - alone[i]).norm().item<double>(),
                1e-9 * std::max(alone[i].norm().item<double>(), 1e-6))
          << i;
    }
    EXPECT_TRUE(state.back().equal(alone.back()));
  }
}

TEST(FootprintGateTest, ClosedGroupsAreNotSent) {
  const auto sent = [](double rate, bool rest) {
    uint64_t bytes = 0;
    OnRanks(FootprintCase(rate, rest), 2, [&](StepRank& rank, dist::Group& group) {
      ASSERT_TRUE(rank.Run(1).ok());
      if (group.rank() == 0) bytes = rank.step().bytes_sent();
    });
    return bytes;
  };
  uint64_t all = 0, mine = 0;
  OnRanks(FootprintCase(0.5, false), 1, [&](StepRank& rank, dist::Group&) {
    ASSERT_TRUE(rank.Run(1).ok());
    EXPECT_EQ(rank.step().bytes_sent(), 0u);  // Alone nothing is sent.
    const std::vector<ParameterGroup>& groups = rank.optimizer().groups();
    for (size_t g = 0; g < groups.size(); ++g) {
      for (const GroupSlice& slice : groups[g].slices) {
        const uint64_t bytes = 8 * slice.rows * slice.columns;
        all += bytes;
        mine += rank.step().footprint().may_change()[g] != 0 ? bytes : 0;
      }
    }
  });
  EXPECT_EQ(sent(1.0, true), all);
  EXPECT_EQ(sent(0.5, false), mine);
  EXPECT_EQ(sent(0.0, false), 0u);
}

// Frozen for a while in the middle of a period: what is in force then is what was before.
TEST(FootprintGateTest, AfterAFreezeTheDecisionInForceHoldsAgain) {
  for (const gate::FootprintScorer scorer :
       {gate::FootprintScorer::kAttention, gate::FootprintScorer::kRandom}) {
    StepCase c = FootprintCase(0.5, false);
    c.footprint.every = 5;
    c.footprint.scorer = scorer;
    OnRanks(c, 2, [&](StepRank& rank, dist::Group&) {
      FootprintGate& footprint = rank.step().footprint();
      ASSERT_TRUE(rank.Run(1).ok());
      const std::vector<uint8_t> in_force = footprint.may_change();
      footprint.Freeze(true, 2);
      EXPECT_NE(footprint.may_change(), in_force);
      ASSERT_TRUE(rank.Run(2).ok());
      footprint.Freeze(false, 3);
      EXPECT_FALSE(footprint.frozen());
      EXPECT_EQ(footprint.may_change(), in_force);
      ASSERT_TRUE(rank.Run(3).ok());
      EXPECT_EQ(footprint.may_change(), in_force);
    });
  }
}

// Frozen over the step of a decision: by chance the new one comes without having been seen.
TEST(FootprintGateTest, AFreezeThatOutlivesADecisionEndsInTheOneThatIsInForceWithoutIt) {
  StepCase c = FootprintCase(0.5, false);
  c.footprint.every = 3;
  c.footprint.scorer = gate::FootprintScorer::kRandom;
  std::vector<uint8_t> first, second;
  OnRanks(c, 1, [&](StepRank& rank, dist::Group&) {
    ASSERT_TRUE(rank.Run(1).ok());
    first = rank.step().footprint().may_change();
    for (int64_t step = 2; step <= 4; ++step) ASSERT_TRUE(rank.Run(step).ok());
    second = rank.step().footprint().may_change();
  });
  ASSERT_NE(first, second);
  OnRanks(c, 1, [&](StepRank& rank, dist::Group&) {
    FootprintGate& footprint = rank.step().footprint();
    footprint.Freeze(true, 1);
    for (int64_t step = 1; step <= 4; ++step) ASSERT_TRUE(rank.Run(step).ok());
    footprint.Freeze(false, 5);
    EXPECT_EQ(footprint.may_change(), second);
  });
}

TEST(FootprintGateTest, WithoutAFootprintGateEverythingChangesAgainAfterAFreeze) {
  StepCase c = FootprintCase(1.0, true, Mode::kDense);
  OnRanks(c, 2, [&](StepRank& rank, dist::Group&) {
    FootprintGate& footprint = rank.step().footprint();
    footprint.Freeze(false, 1);
    EXPECT_TRUE(footprint.may_change().empty()) << "it was not frozen";
    footprint.Freeze(true, 1);
    ASSERT_TRUE(rank.Run(1).ok());
    footprint.Freeze(false, 2);
    EXPECT_TRUE(footprint.may_change().empty());
    const std::vector<torch::Tensor> before = rank.State();
    ASSERT_TRUE(rank.Run(2).ok());
    const std::vector<torch::Tensor> after = rank.State();
    for (size_t i = 0; i < before.size(); ++i) EXPECT_FALSE(after[i].equal(before[i])) << i;
  });
}

TEST(FootprintGateTest, ARestoredRunGoesOnWithTheDecisionInForce) {
  for (const gate::FootprintScorer scorer :
       {gate::FootprintScorer::kAttention, gate::FootprintScorer::kRandom}) {
    StepCase c = FootprintCase(0.5, false);
    c.footprint.every = 3;
    c.footprint.scorer = scorer;
    OnRanks(c, 1, [&](StepRank& rank, dist::Group&) {
      for (int64_t step = 1; step <= 5; ++step) {
        ASSERT_TRUE(rank.Run(step).ok());
        const std::vector<uint8_t> in_force = rank.step().footprint().may_change();
        const std::vector<double> entropies = rank.step().footprint().entropies();
        OnRanks(c, 1, [&](StepRank& other, dist::Group&) {
          other.step().footprint().Restore(entropies, step + 1);
          const bool is_due = step % 3 == 0;  // Then the next step decides itself.
          EXPECT_EQ(other.step().footprint().may_change(),
                    is_due ? std::vector<uint8_t>() : in_force)
              << step;
        });
      }
    });
  }
}

TEST(FootprintGateTest, TheLedgersDenseStepIsWholeAndWhatIsCountedIsLess) {
  StepCase c = FootprintCase(0.5, false);
  c.mode = Mode::kDense;
  c.ledger_every = 1;
  const std::vector<torch::Tensor> with = StateAfter(c, 2, 2);
  OnRanks(c, 2, [&](StepRank& rank, dist::Group&) {
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(outcome->ledger.has_value());
    EXPECT_LT(outcome->ledger->flops_ratio, 0.95);
    EXPECT_GT(outcome->ledger->flops_ratio, 0.6);  // The forward and most of dx are still there.
  });
  c.ledger_every = 0;
  const std::vector<torch::Tensor> without = StateAfter(c, 2, 2);
  for (size_t i = 0; i < with.size(); ++i) EXPECT_TRUE(with[i].equal(without[i])) << i;
}

}  // namespace
}  // namespace sluice::train
