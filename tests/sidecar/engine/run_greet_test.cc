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

// A worker's directive of a rung that this sidecar may not take, as after a start with other
// options.
Hello HelloOnRung(uint32_t level) {
  Hello hello = HelloOf("i", 1, 70);
  Directive directive;
  directive.run = "r";
  directive.version = 6;
  directive.layers = {{testing::kLayer, 0.45, 0.0}};
  directive.rehearsal_share = 0.25;
  directive.breaker_action = HoldingAction(level);
  directive.breaker_level = level;
  hello.in_force = directive;
  return hello;
}

TEST(Greet, ALevelAboveTheLastRungIsAdoptedOnlyUpToIt) {
  PolicyOptions options;
  options.breaker.last_rung = "raise";
  Bench bench(options);
  const auto sink = bench.Greet(Process(0, 1, 1), HelloOnRung(kFreeze));
  ASSERT_EQ(sink->replies.size(), 1u);
  ASSERT_TRUE(sink->replies[0].in_force.has_value());
  const Directive& directive = *sink->replies[0].in_force;
  EXPECT_EQ(directive.version, 7u);
  EXPECT_EQ(directive.breaker_level, kRaiseTwice);
  EXPECT_EQ(directive.breaker_action, BreakerAction::kTighten);
  EXPECT_EQ(directive.rehearsal_share, 0.0);
  EXPECT_NEAR(directive.layers[0].threshold, 0.45, 1e-12);
  EXPECT_THAT(directive.reason, HasSubstr("level 4 to 2 (tighten) at step 70"));
  EXPECT_THAT(directive.reason, HasSubstr("breaker.last-rung is raise"));
  EXPECT_EQ(bench.View()->record.breaker.level, kRaiseTwice);
  EXPECT_EQ(bench.Greet(Process(0, 1, 1), HelloOnRung(kFreeze))->replies[0].in_force, directive);
}

TEST(Greet, ALevelThatIsAllowedIsAdoptedAsItIs) {
  PolicyOptions options;
  options.breaker.last_rung = "freeze";
  Bench bench(options);
  const Hello hello = HelloOnRung(kFreeze);
  EXPECT_EQ(bench.Greet(Process(0, 1, 1), hello)->replies[0].in_force, hello.in_force);
}

// Checks that trip it, at steps 30, 40, ... of rank 0.
void SendWorse(Bench& bench, const std::shared_ptr<testing::FakeSink>& sink, Identity process,
               uint64_t count) {
  for (uint64_t s = 1; s <= count; ++s) {
    const uint64_t step = 20 + 10 * s;
    process.seq = s;
    bench.Send(sink, process, Event{"probe", "old", step, "{}", ProbeCheck{step, 0.5, 0.0}, false});
  }
}

PolicyOptions UpToTheRollBack() {
  PolicyOptions options;
  options.breaker.last_rung = "rollback";
  return options;
}

TEST(Greet, TheRunThatRolledBackIsNotToldToDoItAgain) {
  Bench bench(UpToTheRollBack());
  const auto first = bench.Greet(Process(0, 1), HelloOf("i", 1));
  SendWorse(bench, first, Process(0, 1), 15);
  const Directive asked = first->directives.back();
  ASSERT_EQ(asked.breaker_action, BreakerAction::kRollBack);
  // A broken stream is no roll-back: whoever comes back is still asked.
  EXPECT_EQ(bench.Greet(Process(0, 1), HelloOf("i", 1))->replies[0].in_force, asked);
  bench.Apply(StreamClosed{first});
  const auto back = bench.Greet(Process(0, 2, 1), HelloOf("i", 1, 20));
  const auto& told = back->replies[0].in_force;
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->version, asked.version + 1);
  EXPECT_EQ(told->breaker_action, BreakerAction::kFreezeBackbone);
  EXPECT_EQ(told->breaker_level, kRollBack);
  EXPECT_EQ(told->layers, asked.layers);
  EXPECT_EQ(told->reason, "breaker: level 5, the run is back at step 20");
}

// Only the restore that was asked for brings other weights.
TEST(Greet, ACrashBehindARollBackRepeatsChecksThatWereCounted) {
  Bench bench(UpToTheRollBack());
  SendWorse(bench, bench.Greet(Process(0, 1), HelloOf("i", 1)), Process(0, 1), 15);
  ASSERT_EQ(bench.View()->record.probes.at("old").worse, 15u);
  for (uint32_t generation : {1, 2}) {
    const Identity process = Process(0, 1 + generation, generation);
    SendWorse(bench, bench.Greet(process, HelloOf("i", 1, 20)), process, 2);
    EXPECT_EQ(bench.View()->record.probes.at("old").worse, 17u) << "generation " << generation;
    EXPECT_EQ(bench.View()->record.breaker.streaks.at("old").worse, 2u);
  }
}

}  // namespace
}  // namespace sluice::sidecar
