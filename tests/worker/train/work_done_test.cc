#include "worker/train/work_done.h"

#include <gtest/gtest.h>

#include "tests/worker/dist/ranks.h"

namespace sluice::train {
namespace {

Counters OfRank(uint64_t rank) {
  Counters c;
  c.steps = 40;
  c.images_open = 100 + rank;
  c.images_skipped = 10 * rank;
  c.layer_count = 2;
  c.layers[0].tokens_open = 999;  // An earlier gate's: the last one's word holds.
  c.layers[1].tokens_open = 1000 + rank;
  c.layers[1].tokens_closed = 5000 * (rank + 1);
  return c;
}

TEST(WorkDoneTest, StepsAreTheRunsAndTheRestIsTheSumAtTheLastGate) {
  const WorkDone work = Total({OfRank(0), OfRank(1), OfRank(2)});
  EXPECT_EQ(work, (WorkDone{40, 303, 30, 3003, 30000}));
}

TEST(WorkDoneTest, WithoutAGateThereAreNoTokens) {
  Counters dense;
  dense.steps = 7;
  dense.images_open = 50;
  EXPECT_EQ(Total({dense, dense}), (WorkDone{7, 100, 0, 0, 0}));
}

TEST(WorkDoneTest, EveryRankGetsTheCountersOfAll) {
  dist::testing::RunRanks(3, [](dist::Group& group) {
    const auto all = GatherCounters(group, OfRank(group.rank()));
    ASSERT_TRUE(all.ok()) << all.status();
    ASSERT_EQ(all->size(), 3u);
    for (uint64_t rank = 0; rank < 3; ++rank) EXPECT_EQ((*all)[rank], OfRank(rank));
  });
}

}  // namespace
}  // namespace sluice::train
