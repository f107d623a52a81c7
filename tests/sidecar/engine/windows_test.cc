#include "sidecar/engine/windows.h"

#include <gtest/gtest.h>

#include <random>

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
      BeginRank({"r", 1, 0, rank, 1, 0}, HelloOf("i", 2), 0, 10, records_[rank]);
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

  // Closes what there is to close, and returns how many steps that counted.
  uint64_t CloseAll() {
    uint64_t steps = 0;
    for (closed_ = 0; closed_ < 100; ++closed_) {
      const auto window = Close();
      if (!window.has_value()) break;
      steps += window->counts.steps;
    }
    return steps;
  }
  // What closed windows should have counted of the ranks: all up to their oldest marks.
  uint64_t Marked() const {
    uint64_t steps = 0;
    for (const RankRecord& record : records_) steps += record.marks.begin()->second.counters.steps;
    return steps;
  }

  int closed_ = 0;
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

TEST_F(Windows, AMillionWindowsThatAJumpWentOverCloseAtOnce) {
  Reach(0, 10000003);
  Reach(1, 10000005);
  EXPECT_EQ(CloseAll(), 10000003u + 10000005u);
  EXPECT_LE(closed_, 3);
  EXPECT_EQ(end_, 10000000u);
  Reach(0, 10000010);
  Reach(1, 10000010);
  EXPECT_EQ(CloseAll(), 7u + 5u);
}

TEST_F(Windows, OneRanksJumpLeavesTheOthersCountsExact) {
  Reach(1, 15);
  Reach(0, 10000003);
  EXPECT_EQ(CloseAll(), 10000003u + 15u);
  EXPECT_LE(closed_, 4);
  EXPECT_EQ(end_, 9999980u);
  // It was parted for long, and comes back with all that it did.
  Reach(1, 10000004);
  Reach(0, 10000010);
  Reach(1, 10000010);
  EXPECT_EQ(CloseAll(), 7u + 10000010 - 15);
}

TEST_F(Windows, ALateSnapshotTakesNothingBackOfAClosedWindow) {
  Reach(0, 25);
  Reach(1, 12);
  EXPECT_EQ(CloseAll(), 25u + 12u);
  EXPECT_EQ(end_, 10u);
  Reach(0, 21);
  Reach(0, 30);
  Reach(1, 30);
  EXPECT_EQ(CloseAll(), 5u + 18u);
}

TEST_F(Windows, ARunThatWentOnAloneForAMillionWindowsIsTakenUpAtOnce) {
  Reach(0, 12);
  Reach(1, 12);
  CloseAll();
  for (uint32_t rank = 0; rank < 2; ++rank) {
    BeginRank({"r", 1, 1, rank, 2, 0}, HelloOf("i", 2, 10000003), end_, 10, records_[rank]);
  }
  EXPECT_EQ(CloseAll(), 2u * (10000003 - 12));
  EXPECT_LE(closed_, 4);
  EXPECT_EQ(end_, 10000000u);
}

// Whatever the order and the jumps: nothing is counted twice, nothing is left out.
TEST_F(Windows, WindowsAddUpToTheMarks) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    for (uint32_t rank = 0; rank < 2; ++rank) {
      records_[rank] = RankRecord{};
      BeginRank({"r", 1, 0, rank, 1, 0}, HelloOf("i", 2), 0, 10, records_[rank]);
    }
    end_ = 0;
    uint64_t step = 20;
    uint64_t counted = 0;
    for (int i = 0; i < 60; ++i) {
      step += random() % 8 == 0 ? random() % 900 : random() % 9;
      for (uint32_t rank = 0; rank < 2; ++rank) {
        if (random() % 3 > 0) Reach(rank, step - random() % 19);
        counted += CloseAll();
      }
    }
    Reach(0, step + 40);
    Reach(1, step + 40);
    counted += CloseAll();
    EXPECT_EQ(counted, Marked()) << "seed " << seed;
    EXPECT_EQ(counted, 2 * (step + 40)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::sidecar
