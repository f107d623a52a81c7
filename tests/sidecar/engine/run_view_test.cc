// What a run hands out: rows for the store and pictures for queries, through the engine.
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::Bench;
using testing::HelloOf;
using testing::SnapshotAt;

Identity OfRank(const std::string& run, uint32_t rank, uint64_t seq = 0) {
  return {run, 0, 0, rank, 1, seq};
}

TEST(RunView, StepIsTheSlowestRanksAndTheAbsentAreLost) {
  Bench bench;
  auto fast = bench.Greet(OfRank("r", 0), HelloOf("i", 3));
  auto slow = bench.Greet(OfRank("r", 1), HelloOf("i", 3));
  bench.Send(fast, OfRank("r", 0, 1), SnapshotAt(7));
  bench.Send(slow, OfRank("r", 1, 1), SnapshotAt(3));
  EXPECT_EQ(bench.View()->step, 0u);  // Rank 2 never came.
  EXPECT_EQ(bench.View()->ranks_lost, 1u);
  auto last = bench.Greet(OfRank("r", 2), HelloOf("i", 3));
  bench.Send(last, OfRank("r", 2, 1), SnapshotAt(5));
  EXPECT_EQ(bench.View()->step, 3u);
  bench.Apply(StreamClosed{slow});
  EXPECT_EQ(bench.View()->ranks_live, 2u);
  EXPECT_EQ(bench.View()->ranks_lost, 1u);
  EXPECT_FALSE(bench.View()->ranks[1].connected);
}

TEST(RunView, ARankThatEndedIsNotLost) {
  Bench bench;
  auto sink = bench.Greet(OfRank("r", 0), HelloOf("i", 1));
  bench.Send(sink, OfRank("r", 0, 1), Event{"ended", "rank 0", 9, "{}", {}, true});
  bench.Apply(StreamClosed{sink});
  EXPECT_EQ(bench.View()->ranks_lost, 0u);
  EXPECT_TRUE(bench.View()->ranks[0].ended);
}

TEST(RunView, ARunThatDidNotChangeIsShared) {
  Bench bench;
  bench.Greet(OfRank("a", 0), HelloOf("i", 1));
  auto sink = bench.Greet(OfRank("b", 0), HelloOf("i", 1));
  const auto before = bench.engine.MakeView(0);
  bench.Send(sink, OfRank("b", 0, 1), SnapshotAt(1));
  const auto after = bench.engine.MakeView(0);
  EXPECT_EQ(after->Find("a"), before->Find("a"));
  EXPECT_NE(after->Find("b"), before->Find("b"));
  EXPECT_EQ(before->Find("b")->counters.steps, 0u);
  EXPECT_EQ(after->runs[0]->record.run, "b");  // Newest activity first.
}

TEST(RunView, RowsAreHandedOutUntilTheyAreDurable) {
  Bench bench;
  auto sink = std::make_shared<testing::FakeSink>();
  bench.engine.Apply(StreamMessage{sink, {OfRank("r", 0), HelloOf("i", 1)}}, bench.outbox);
  Identity identity = OfRank("r", 0, 1);
  identity.lease_epoch = 1;
  bench.engine.Apply(StreamMessage{sink, {identity, SnapshotAt(10)}}, bench.outbox);
  const Changes first = bench.engine.PendingChanges();
  const Changes second = bench.engine.PendingChanges();  // After a commit that failed.
  EXPECT_EQ(first.windows.size(), 1u);
  EXPECT_EQ(second.windows, first.windows);
  EXPECT_EQ(second.ranks, first.ranks);
  EXPECT_EQ(second.directives, first.directives);
  bench.engine.Committed();
  EXPECT_TRUE(bench.engine.PendingChanges().empty());
}

}  // namespace
}  // namespace sluice::sidecar
