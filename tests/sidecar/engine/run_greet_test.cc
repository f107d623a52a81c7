// How a run answers a Hello, through the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::Bench;
using testing::CountersAt;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HelloOf;
using testing::SnapshotAt;

Identity Process(uint32_t rank, uint64_t incarnation, uint32_t generation = 0, uint64_t seq = 0) {
  return {"r", 0, generation, rank, incarnation, seq};
}

TEST(Greet, RanksOfOneGroupMustSayTheSame) {
  Bench bench;
  bench.Greet(Process(0, 1), HelloOf("i", 2));
  EXPECT_THAT(bench.Greet(Process(1, 1), HelloOf("i", 3))->refusals,
              ElementsAre(HasSubstr("world_size is 3")));
  Hello other_gates = HelloOf("i", 2);
  other_gates.gates[0].policy = "budget";
  EXPECT_THAT(bench.Greet(Process(1, 1), other_gates)->refusals,
              ElementsAre(HasSubstr("gates differ")));
  EXPECT_EQ(bench.View()->ranks.size(), 1u);
  EXPECT_EQ(bench.Greet(Process(1, 1), HelloOf("i", 2))->replies.size(), 1u);
}

TEST(Greet, AProcessGoesOnWhereItWasAndANewerOneBeginsAnew) {
  Bench bench;
  auto sink = bench.Greet(Process(0, 5), HelloOf("i", 1));
  for (uint64_t s = 1; s <= 4; ++s) bench.Send(sink, Process(0, 5, 0, s), SnapshotAt(s));
  auto again = bench.Greet(Process(0, 5), HelloOf("i", 1));
  EXPECT_THAT(sink->closed, HasSubstr("newer stream"));
  EXPECT_EQ(again->replies[0].durable_seq, 4u);
  EXPECT_EQ(bench.View()->counters, CountersAt(4));
  EXPECT_THAT(bench.Greet(Process(0, 4), HelloOf("i", 1))->refusals,
              ElementsAre(HasSubstr("incarnation is 4")));
  EXPECT_EQ(bench.Greet(Process(0, 6), HelloOf("i", 1))->replies[0].durable_seq, 0u);
  EXPECT_EQ(bench.View()->counters.steps, 0u);
}

TEST(Greet, AnotherTrainingOfTheNameBeginsAnewButKeepsVersionsAndWork) {
  Bench bench;
  auto sink = bench.Greet(Process(0, 1), HelloOf("i", 1));
  for (uint64_t s = 1; s <= 20; ++s) bench.Send(sink, Process(0, 1, 0, s), SnapshotAt(s));
  const uint64_t version = bench.View()->record.version;
  ASSERT_GT(version, 0u);
  bench.Apply(StreamClosed{sink});
  auto next = bench.Greet(Process(0, 2), HelloOf("j", 1));
  EXPECT_EQ(next->replies[0].lease_epoch, 2u);
  EXPECT_FALSE(next->replies[0].in_force.has_value());
  const auto view = bench.View();
  EXPECT_EQ(view->record.version, version);
  EXPECT_EQ(view->work, 20u);
  EXPECT_EQ(view->record.window_end, 0u);
  EXPECT_EQ(view->record.steering[0].windows, 0u);
  EXPECT_FALSE(view->record.newest.loss.has_value());
}

TEST(Greet, FewerRanksAfterARestoreDropTheRest) {
  Bench bench;
  for (uint32_t rank = 0; rank < 2; ++rank) {
    auto sink = bench.Greet(Process(rank, 1), HelloOf("i", 2));
    bench.Send(sink, Process(rank, 1, 0, 1), SnapshotAt(1));
  }
  EXPECT_EQ(bench.View()->counters.steps, 2u);
  bench.Greet(Process(0, 2, 1), HelloOf("i", 1));
  EXPECT_EQ(bench.View()->ranks.size(), 1u);
  EXPECT_EQ(bench.View()->counters.steps, 0u);
}

TEST(Greet, ARunThatIsFirstSeenInItsMiddleHasItsNextWindowThere) {
  Bench bench;
  auto sink = bench.Greet(Process(0, 1, 1), HelloOf("i", 1, 44));
  for (uint64_t s = 45; s <= 50; ++s) bench.Send(sink, Process(0, 1, 1, s - 44), SnapshotAt(s));
  ASSERT_EQ(bench.windows.size(), 1u);
  EXPECT_EQ(bench.windows[0].first_step, 41u);
  EXPECT_EQ(bench.decisions[0].tokens, 60u);  // Of the steps that this sidecar saw.
  EXPECT_EQ(bench.View()->work, 50u);
}

}  // namespace
}  // namespace sluice::sidecar
