#include "sidecar/engine/rank.h"

#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::CountersAt;

const Identity kFirst{"r", 1, 0, 0, 1, 0};
const Identity kRestored{"r", 1, 1, 0, 2, 0};

RankRecord RankAtStep(uint64_t step) {
  RankRecord record;
  BeginRank(kFirst, testing::HelloOf("i", 1), 0, record);
  for (uint64_t s = 1; s <= step; ++s) MergeSnapshot(testing::SnapshotAt(s), 0, 10, record);
  return record;
}

TEST(BeginRank, ClipsTheLedgerToTheCheckpoint) {
  RankRecord record = RankAtStep(25);
  BeginRank(kRestored, testing::HelloOf("i", 1, 15), 0, record);
  EXPECT_EQ(record.last_step, 15u);
  EXPECT_EQ(record.counters, CountersAt(15));
  EXPECT_EQ(record.generation, 1u);
  // What was marked at 20 was of steps that will be run again; 10 lies before the checkpoint.
  EXPECT_FALSE(record.marks.contains(20));
  EXPECT_EQ(record.marks.at(10).counters, CountersAt(10));
}

TEST(BeginRank, InsideAClosedWindowTheMarkWaitsForTheRank) {
  RankRecord record = RankAtStep(25);
  BeginRank(kRestored, testing::HelloOf("i", 1, 15), 20, record);
  EXPECT_TRUE(record.marks.empty());
  MergeSnapshot(testing::SnapshotAt(19), 20, 10, record);
  EXPECT_TRUE(record.marks.empty());
  MergeSnapshot(testing::SnapshotAt(20), 20, 10, record);
  EXPECT_EQ(record.marks.at(20).counters, CountersAt(20));
}

TEST(MergeSnapshot, TheLaterOneStandsWhateverTheOrder) {
  RankRecord record = RankAtStep(4);
  EXPECT_FALSE(MergeSnapshot(testing::SnapshotAt(4), 0, 10, record));
  EXPECT_TRUE(MergeSnapshot(testing::SnapshotAt(9), 0, 10, record));
  EXPECT_FALSE(MergeSnapshot(testing::SnapshotAt(7), 0, 10, record));
  EXPECT_EQ(record.counters, CountersAt(9));
}

}  // namespace
}  // namespace sluice::sidecar
