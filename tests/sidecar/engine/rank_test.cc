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
  BeginRank(kFirst, testing::HelloOf("i", 1), 0, 10, record);
  for (uint64_t s = 1; s <= step; ++s) MergeSnapshot(testing::SnapshotAt(s), 0, 10, record);
  return record;
}

TEST(BeginRank, ClipsTheLedgerToTheCheckpoint) {
  RankRecord record = RankAtStep(25);
  BeginRank(kRestored, testing::HelloOf("i", 1, 15), 0, 10, record);
  EXPECT_EQ(record.last_step, 15u);
  EXPECT_EQ(record.counters, CountersAt(15));
  EXPECT_EQ(record.generation, 1u);
  // What was marked at 20 was of steps that will be run again; 10 lies before the checkpoint.
  EXPECT_FALSE(record.marks.contains(20));
  EXPECT_EQ(record.marks.at(10).counters, CountersAt(10));
}

TEST(BeginRank, InsideAClosedWindowTheMarkWaitsForTheRank) {
  RankRecord record = RankAtStep(25);
  BeginRank(kRestored, testing::HelloOf("i", 1, 15), 20, 10, record);
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

TEST(MergeSnapshot, TheLastStepOnceMoreWithItsEvaluation) {
  RankRecord record = RankAtStep(20);
  GateSnapshot end = testing::SnapshotAt(20);
  end.counters.inference.Add(1500);
  EXPECT_TRUE(MergeSnapshot(end, 20, 10, record));
  EXPECT_EQ(record.counters, end.counters);
  EXPECT_EQ(record.last_step, 20u);
  // The window is counted already.
  EXPECT_EQ(record.marks.at(20).counters, CountersAt(20));
  // Neither again nor what comes late.
  EXPECT_FALSE(MergeSnapshot(end, 20, 10, record));
  EXPECT_FALSE(MergeSnapshot(testing::SnapshotAt(20), 20, 10, record));
  EXPECT_EQ(record.counters, end.counters);
}

TEST(MergeSnapshot, AJumpOverManyWindowsIsOneMark) {
  RankRecord record = RankAtStep(12);
  EXPECT_TRUE(MergeSnapshot(testing::SnapshotAt(1000007), 0, 10, record));
  EXPECT_EQ(record.counters, CountersAt(1000007));
  EXPECT_LE(record.marks.size(), 3u);
  EXPECT_EQ(MarkAt(record, 10)->counters, CountersAt(10));
  for (const uint64_t end : {20u, 500000u, 1000000u}) {
    ASSERT_NE(MarkAt(record, end), nullptr) << end;
    EXPECT_EQ(MarkAt(record, end)->step, 1000007u) << end;
  }
  EXPECT_EQ(MarkAt(record, 1000010), nullptr);
}

TEST(MergeSnapshot, ALateSnapshotDividesAJump) {
  RankRecord record = RankAtStep(12);
  MergeSnapshot(testing::SnapshotAt(95), 0, 10, record);
  EXPECT_TRUE(MergeSnapshot(testing::SnapshotAt(53), 0, 10, record));
  EXPECT_FALSE(MergeSnapshot(testing::SnapshotAt(54), 0, 10, record));
  EXPECT_TRUE(MergeSnapshot(testing::SnapshotAt(51), 0, 10, record));
  EXPECT_EQ(MarkAt(record, 10)->step, 10u);
  EXPECT_EQ(MarkAt(record, 20)->step, 51u);
  EXPECT_EQ(MarkAt(record, 50)->step, 51u);
  EXPECT_EQ(MarkAt(record, 60)->step, 95u);
  EXPECT_EQ(MarkAt(record, 90)->counters, CountersAt(95));
  EXPECT_EQ(record.last_step, 95u);
}

TEST(BeginRank, InsideAJumpWhatLiesBehindTheCheckpointIsForgotten) {
  RankRecord record = RankAtStep(12);
  MergeSnapshot(testing::SnapshotAt(95), 0, 10, record);
  BeginRank(kRestored, testing::HelloOf("i", 1, 45), 0, 10, record);
  ASSERT_NE(MarkAt(record, 40), nullptr);
  EXPECT_EQ(MarkAt(record, 40)->step, 95u);
  EXPECT_EQ(MarkAt(record, 50), nullptr);
  EXPECT_EQ(record.last_step, 45u);
}

}  // namespace
}  // namespace sluice::sidecar
