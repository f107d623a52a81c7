#include "worker/train/train_step.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/common/says.h"
#include "tests/worker/train/step_oracle.h"

namespace sluice::train {
namespace {

using testing::ExpectedStep;
using testing::ExpectGradients;
using testing::ExpectOutcome;
using testing::ExpectStep;
using testing::MakeModel;
using testing::NamedGradients;
using testing::OnRanks;
using testing::OpenPatches;
using testing::SmallGate;
using testing::StepCase;
using testing::StepRank;

std::vector<uint64_t> Ids(int64_t count, uint64_t first = 1) {
  std::vector<uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

// The first image at or after `from` that has no open patch in micro-step `draw`.
uint64_t ClosedId(const StepCase& c, uint64_t draw, uint64_t from) {
  const auto is_open = [&](uint64_t id) {
    const std::vector<uint8_t> open = OpenPatches(c, draw, id);
    return std::count(open.begin(), open.end(), 1) > 0;
  };
  while (is_open(from)) ++from;
  return from;
}

// Closes all images that `rank` of `ranks` has in micro-step `draw`.
void CloseRank(StepCase& c, int rank, int ranks, int64_t draw) {
  const data::IndexRange share = data::RankShare(c.batch, rank, ranks);
  uint64_t from = 1000;
  for (int64_t i = share.begin; i < share.end; ++i) {
    uint64_t& id = c.ids[draw * c.batch + i];
    id = ClosedId(c, static_cast<uint64_t>(draw), from);
    from = id + 1;
  }
}

// Step 1 of `c` on `ranks` ranks against one process.
void CheckStep(const StepCase& c, int ranks) {
  SCOPED_TRACE(::testing::Message() << ranks << " ranks, " << c.type);
  const auto reference = MakeModel(SmallGate(c.mode, c.threshold, c.train_head), c.type);
  const ExpectedStep expected = ExpectStep(c, 1, *reference);
  ASSERT_GT(expected.control.images_open, 0);
  OnRanks(c, ranks, [&](StepRank& rank, dist::Group&) {
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ExpectGradients(rank.Gradients(), expected.gradients, c.type);
    ExpectOutcome(*outcome, expected, c.type);
  });
}

void CopyParameters(const GatedModel& from, GatedModel& to) {
  const torch::NoGradGuard no_graph;
  const model::NamedTensors a = from.Parameters(), b = to.Parameters();
  for (size_t i = 0; i < a.size(); ++i) torch::Tensor(b[i].second).copy_(a[i].second);
}

class TrainStepTest : public ::testing::TestWithParam<std::tuple<torch::ScalarType, int>> {
 protected:
  StepCase Case() const {
    StepCase c;
    c.type = std::get<0>(GetParam());
    c.ids = Ids(6);
    return c;
  }
  int ranks() const { return std::get<1>(GetParam()); }
};

TEST_P(TrainStepTest, UnequalOpenCountsGiveTheGradientOfOneProcess) {
  StepCase c = Case();
  c.batch = 7;  // Ranks have unequal shares, too.
  c.ids = Ids(7);
  CheckStep(c, ranks());
}

TEST_P(TrainStepTest, TheUncertaintyHeadsGradientIsASumOverAllTokens) {
  StepCase c = Case();
  c.train_head = true;
  CheckStep(c, ranks());
}

TEST_P(TrainStepTest, ARankWithNothingOpenAddsNothing) {
  for (int rank = 0; rank < ranks(); ++rank) {
    for (const bool train_head : {false, true}) {
      StepCase c = Case();
      c.threshold = 0.8;
      c.train_head = train_head;
      if (ranks() > 1) CloseRank(c, rank, ranks(), 0);
      CheckStep(c, ranks());
    }
  }
}

TEST_P(TrainStepTest, MicroStepsAddUp) {
  StepCase c = Case();
  c.accumulate = 2;
  c.ids = Ids(12);
  c.train_head = true;
  CheckStep(c, ranks());
}

TEST_P(TrainStepTest, ARankMayHaveNothingOpenInAnyMicroStep) {
  for (const int64_t closed : {0, 1}) {
    StepCase c = Case();
    c.threshold = 0.8;
    c.accumulate = 2;
    c.ids = Ids(12);
    CloseRank(c, ranks() - 1, ranks(), closed);
    CheckStep(c, ranks());
  }
}

TEST_P(TrainStepTest, DenseModeGivesTheGradientOfOneProcess) {
  StepCase c = Case();
  c.mode = Mode::kDense;
  c.train_head = true;
  CheckStep(c, ranks());
  c.accumulate = 2;
  c.ids = Ids(12);
  CheckStep(c, ranks());
}

TEST_P(TrainStepTest, ARankMayHaveNoImageAtAll) {
  for (const Mode mode : {Mode::kCompact, Mode::kDense}) {
    for (const bool train_head : {false, true}) {
      StepCase c = Case();
      c.mode = mode;
      c.train_head = train_head;
      c.batch = 2;  // On three ranks, the first has none.
      c.ids = Ids(2);
      CheckStep(c, ranks());
    }
  }
}

TEST_P(TrainStepTest, NothingOpenAnywhereChangesNoBitAndTheNextStepIsWhole) {
  StepCase c = Case();
  c.train_head = true;
  c.ids = Ids(18);
  std::vector<std::unique_ptr<GatedModel>> references;
  for (int r = 0; r < ranks(); ++r)
    references.push_back(MakeModel(SmallGate(c.mode, c.threshold, true), c.type));
  OnRanks(c, ranks(), [&](StepRank& rank, dist::Group& group) {
    ASSERT_TRUE(rank.Run(1).ok());
    const std::vector<torch::Tensor> before = rank.State();
    rank.model().settings().gates[0].policy.threshold = 1.0;
    const auto skipped = rank.Run(2);
    ASSERT_TRUE(skipped.ok()) << skipped.status();
    EXPECT_FALSE(skipped->updated);
    EXPECT_FALSE(skipped->loss.has_value());
    EXPECT_EQ(skipped->control.images_open, 0);
    EXPECT_EQ(skipped->control.images, 6);
    EXPECT_EQ(skipped->learning_rate, (LearningRateSchedule{1e-3, 0.0, 2, 10}.At(2)));
    const std::vector<torch::Tensor> after = rank.State();
    for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(after[i].equal(before[i])) << i;
    EXPECT_EQ(rank.counters().steps, 2u);
    EXPECT_EQ(rank.counters().backward_steps, 1u);
    rank.model().settings().gates[0].policy.threshold = 0.6;
    GatedModel& reference = *references[group.rank()];
    CopyParameters(rank.model(), reference);
    const auto next = rank.Run(3);
    ASSERT_TRUE(next.ok()) << next.status();
    const ExpectedStep expected = ExpectStep(c, 3, reference);
    ExpectGradients(rank.Gradients(), expected.gradients, c.type);
    ExpectOutcome(*next, expected, c.type);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, TrainStepTest,
                         ::testing::Combine(::testing::Values(torch::kDouble, torch::kFloat),
                                            ::testing::Values(1, 2, 3)));

TEST(TrainStepsTest, SeveralStepsEndAtTheSameParametersOnAnyNumberOfRanks) {
  StepCase c;
  c.train_head = true;
  c.accumulate = 2;
  c.threshold = 0.8;
  c.ids = Ids(48);  // Four steps of two micro-steps.
  CloseRank(c, 1, 3, 2);
  std::vector<torch::Tensor> alone;
  for (const int ranks : {1, 2, 3}) {
    OnRanks(c, ranks, [&](StepRank& rank, dist::Group& group) {
      for (int64_t step = 1; step <= 4; ++step) {
        const auto outcome = rank.Run(step);
        ASSERT_TRUE(outcome.ok()) << outcome.status();
      }
      if (ranks == 1) {
        alone = rank.State();
        return;
      }
      const std::vector<torch::Tensor> state = rank.State();
      for (size_t i = 0; i + 1 < state.size(); ++i) {
        EXPECT_LE((state[i] - alone[i]).norm().item<double>(),
                  1e-9 * std::max(alone[i].norm().item<double>(), 1e-6))
            << i << " on rank " << group.rank();
      }
      EXPECT_TRUE(state.back().equal(alone.back()));
    });
  }
}

TEST(TrainStepsTest, RanksHaveTheSameBitsAfterEveryStep) {
  StepCase c;
  c.type = torch::kFloat;
  c.train_head = true;
  c.ids = Ids(24);
  std::vector<std::vector<torch::Tensor>> states(3);
  OnRanks(c, 3, [&](StepRank& rank, dist::Group& group) {
    for (int64_t step = 1; step <= 4; ++step) ASSERT_TRUE(rank.Run(step).ok());
    states[group.rank()] = rank.State();
  });
  for (size_t i = 0; i < states[0].size(); ++i) {
    EXPECT_TRUE(states[1][i].equal(states[0][i])) << i;
    EXPECT_TRUE(states[2][i].equal(states[0][i])) << i;
  }
}

TEST(TrainStepsTest, CountersOfAllRanksAddUpToTheControlSums) {
  StepCase c;
  c.ids = Ids(12);
  c.accumulate = 2;
  std::vector<Counters> counters(3);
  dist::ControlResult control;
  OnRanks(c, 3, [&](StepRank& rank, dist::Group& group) {
    const auto outcome = rank.Run(1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    counters[group.rank()] = rank.counters();
    if (group.rank() == 0) control = outcome->control;
  });
  Counters sum;
  for (const Counters& of_rank : counters) {
    sum.images_open += of_rank.images_open;
    sum.images_skipped += of_rank.images_skipped;
    sum.layers[0].tokens_open += of_rank.layers[0].tokens_open;
    sum.layers[0].tokens_closed += of_rank.layers[0].tokens_closed;
  }
  EXPECT_EQ(static_cast<int64_t>(sum.images_open), control.images_open);
  EXPECT_EQ(static_cast<int64_t>(sum.images_open + sum.images_skipped), 12);
  EXPECT_EQ(static_cast<int64_t>(sum.layers[0].tokens_open), control.tokens_open);
  EXPECT_EQ(static_cast<int64_t>(sum.layers[0].tokens_open + sum.layers[0].tokens_closed), 108);
}

// Parameters that are not finite give such a gradient on all ranks: the step is left out, and the
// tenth one in a row ends the run.
TEST(TrainStepsTest, AGradientThatIsNotFiniteIsLeftOutAndEndsTheRunInTheEnd) {
  StepCase c;
  c.type = torch::kFloat;
  c.ids = Ids(60);
  OnRanks(c, 2, [&](StepRank& rank, dist::Group&) {
    {
      const torch::NoGradGuard no_graph;
      rank.model().vit()->head->weight.fill_(std::numeric_limits<float>::infinity());
    }
    for (int64_t step = 1; step <= 9; ++step) {
      const auto outcome = rank.Run(step);
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_FALSE(outcome->updated);
    }
    EXPECT_TRUE(Says(rank.Run(10).status(), absl::StatusCode::kAborted,
                     {"not finite", "10 steps", "train.lr"}));
  });
}

}  // namespace
}  // namespace sluice::train
