#include "sidecar/engine/windows.h"

#include <gtest/gtest.h>

#include "sidecar/engine/rank.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::CountersAt;
using testing::HelloOf;
using testing::SnapshotAt;

class Windows : public ::testing::Test {
 protected:
  Windows() {
    for (uint32_t rank = 0; rank < 2; ++rank) {
      BeginRank({"r", 1, 0, rank, 1, 0}, HelloOf("i", 2), 0, records_[rank]);
      ranks_[rank] = &records_[rank];
    }
  }
  void Reach(uint32_t rank, uint64_t step) {
    MergeSnapshot(SnapshotAt(step), end_, 10, records_[rank]);
  }
  std::optional<ClosedWindow> Close() {
    auto window = CloseNextWindow(end_, 10, 2, ranks_);
    if (window.has_value()) end_ = window->last_step;
    return window;
  }

  RankRecord records_[2];
  std::map<uint32_t, RankRecord*> ranks_;
  uint64_t end_ = 0;
};

TEST_F(Windows, ClosesWhenAllRanksAreThere) {
  Reach(0, 10);
  EXPECT_FALSE(Close().has_value());
  Reach(1, 10);
  const auto window = Close();
  ASSERT_TRUE(window.has_value());
  EXPECT_EQ(window->first_step, 1u);
  EXPECT_EQ(window->last_step, 10u);
  EXPECT_EQ(window->counts.steps, 20u);
  EXPECT_EQ(window->coverage, 1.0);
}

TEST_F(Windows, ASnapshotThatJumpsTheEndClosesWithTheNextValue) {
  Reach(0, 13);
  Reach(1, 10);
  EXPECT_EQ(Close()->counts.steps, 23u);
  Reach(0, 20);
  Reach(1, 20);
  EXPECT_EQ(Close()->counts.steps, 7u + 10u);
}

TEST_F(Windows, AMissingRankLowersCoverageAndIsCountedLater) {
  Reach(1, 5);
  Reach(0, 10);
  Reach(0, 29);
  EXPECT_FALSE(Close().has_value());
  Reach(0, 30);
  const auto partial = Close();
  ASSERT_TRUE(partial.has_value());
  EXPECT_EQ(partial->coverage, 0.75);
  EXPECT_EQ(partial->counts.steps, 15u);
  Reach(1, 20);
  const auto next = Close();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->counts.steps, 19u + 15u);
}

TEST_F(Windows, ALateSnapshotMovesTheMarkNearer) {
  Reach(0, 13);
  Reach(0, 11);
  Reach(1, 10);
  EXPECT_EQ(Close()->counts.steps, 21u);
  EXPECT_EQ(records_[0].last_step, 13u);
}

}  // namespace
}  // namespace sluice::sidecar
