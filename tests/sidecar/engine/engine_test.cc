#include "sidecar/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::Bench;
using testing::CountersAt;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HelloOf;
using testing::SnapshotAt;

Identity Rank(uint32_t rank, uint64_t seq = 0, uint32_t generation = 0) {
  return {"r", 0, generation, rank, 100 + generation, seq};
}

TEST(Engine, DuplicatesAndReorderingAreHarmless) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    std::vector<uint64_t> order;
    for (uint64_t s = 1; s <= 40; ++s) order.insert(order.end(), {s, s});
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    Bench bench;
    auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
    bench.Send(sink, Rank(0, 1), SnapshotAt(1));
    for (uint64_t s : order) bench.Send(sink, Rank(0, s), SnapshotAt(s));
    EXPECT_EQ(bench.View()->counters, CountersAt(40)) << "seed " << seed;
    EXPECT_EQ(sink->acks.back(), 40u) << "seed " << seed;
  }
}

TEST(Engine, AJumpOverAMillionWindowsDoesNotHoldTheWriterUp) {
  constexpr uint64_t kFar = 10000003;
  Bench bench;
  auto jumps = bench.Greet(Rank(0), HelloOf("i", 2)),
       parted = bench.Greet(Rank(1), HelloOf("i", 2));
  bench.Send(parted, Rank(1, 1), SnapshotAt(5));
  const auto start = std::chrono::steady_clock::now();
  bench.Send(jumps, Rank(0, 1), SnapshotAt(kFar));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(bench.View()->counters.steps, kFar + 5);
  // A rank that was away for so long is not refused either, and counted.
  bench.Send(parted, Rank(1, 2), SnapshotAt(kFar));
  EXPECT_EQ(bench.View()->counters.steps, 2 * kFar);
  EXPECT_TRUE(jumps->refusals.empty() && parted->refusals.empty());
  EXPECT_LE(bench.windows.size(), 3u);
}

TEST(Engine, ANewGenerationClipsPositionsAndKeepsWork) {
  Bench bench;
  auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
  for (uint64_t s = 1; s <= 25; ++s) bench.Send(sink, Rank(0, s), SnapshotAt(s));
  const size_t windows = bench.windows.size();
  auto restored = bench.Greet(Rank(0, 0, 1), HelloOf("j", 1, 15));
  EXPECT_EQ(restored->replies[0].durable_seq, 0u);
  EXPECT_EQ(restored->replies[0].lease_epoch, 2u);
  EXPECT_EQ(bench.View()->counters, CountersAt(15));
  for (uint64_t s = 16; s <= 30; ++s) bench.Send(restored, Rank(0, s - 15, 1), SnapshotAt(s));
  EXPECT_EQ(bench.View()->counters, CountersAt(30));
  EXPECT_EQ(bench.View()->work, 25u + 15u);
  // Steps 16 to 20 were run again, in a window that had closed: one further window, not two.
  ASSERT_EQ(bench.windows.size(), windows + 1);
  EXPECT_EQ(bench.windows.back().first_step, 21u);
  EXPECT_EQ(bench.decisions.back().tokens, 100u);
}

TEST(Engine, MessagesOfAStaleEpochAreRefused) {
  Bench bench;
  auto old_sink = bench.Greet(Rank(0), HelloOf("i", 1));
  bench.Greet(Rank(0, 0, 1), HelloOf("j", 1, 0));
  EXPECT_THAT(old_sink->closed, HasSubstr("lease"));
  bench.Send(old_sink, Rank(0, 1), SnapshotAt(9));
  ASSERT_EQ(old_sink->refusals.size(), 1u);
  EXPECT_THAT(old_sink->refusals[0], HasSubstr("stale"));
  EXPECT_EQ(bench.View()->counters.steps, 0u);
}

TEST(Engine, ASecondLiveInstanceIsRefused) {
  Bench bench;
  auto holder = bench.Greet(Rank(0), HelloOf("i", 1));
  auto other = bench.Greet(Rank(0), HelloOf("j", 1));
  EXPECT_THAT(other->refusals, ElementsAre(HasSubstr("lease_held")));
  EXPECT_NE(other->closed, "");
  EXPECT_EQ(holder->closed, "");
  bench.Apply(StreamClosed{holder});
  EXPECT_EQ(bench.Greet(Rank(0), HelloOf("j", 1))->replies[0].lease_epoch, 2u);
}

TEST(Engine, UnknownFeatureLayerAndOrderAreRefused) {
  Bench bench;
  Hello hello = HelloOf("i", 1);
  hello.required_features = {"teleport"};
  EXPECT_THAT(bench.Greet(Rank(0), hello)->refusals, ElementsAre(HasSubstr("'teleport'")));
  EXPECT_EQ(bench.View(), nullptr);
  auto sink = std::make_shared<testing::FakeSink>();
  bench.Send(sink, Rank(0, 1), SnapshotAt(1));
  EXPECT_THAT(sink->refusals, ElementsAre(HasSubstr("must be Hello")));
  auto good = bench.Greet(Rank(0), HelloOf("i", 1));
  GateSnapshot snapshot = SnapshotAt(1);
  snapshot.counters.layers[0].layer = 7;
  bench.Send(good, Rank(0, 1), snapshot);
  EXPECT_THAT(good->refusals, ElementsAre(HasSubstr("expected gate layer 2")));
  EXPECT_EQ(good->acks.back(), 1u);
}

TEST(Engine, WhateverIsRefusedLeavesNoGap) {
  Bench bench;
  auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
  bench.Send(sink, Rank(0, 1), SnapshotAt(1));
  bench.Apply(RejectedMessage{sink, 2, Refuse(RefusalReason::kOutOfRange, "loss is nan")});
  GateSnapshot unknown_layer = SnapshotAt(3);
  unknown_layer.counters.layers[0].layer = 7;
  bench.Send(sink, Rank(0, 3), unknown_layer);
  Identity other_run = Rank(0, 4);
  other_run.run = "s";
  bench.Send(sink, other_run, SnapshotAt(4));
  bench.Send(sink, Rank(1, 5), SnapshotAt(5));
  bench.Send(sink, Rank(0, 6, 3), SnapshotAt(6));  // Of another generation.
  EXPECT_EQ(sink->refusals.size(), 5u);
  EXPECT_THAT(sink->acks, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(bench.View()->counters, CountersAt(1));
  bench.Send(sink, Rank(0, 7), SnapshotAt(7));
  EXPECT_EQ(bench.View()->counters, CountersAt(7));
  // A second stream of the rank goes on behind them.
  EXPECT_EQ(bench.Greet(Rank(0), HelloOf("i", 1))->replies[0].durable_seq, 7u);
}

// As a relay sends it.
TEST(Engine, OneMessageMayStandForSeveral) {
  Bench bench;
  auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
  const auto merged = [](uint64_t first, uint64_t seq) {
    Identity identity = Rank(0, seq);
    identity.first_seq = first;
    return identity;
  };
  GateSnapshot snapshot = SnapshotAt(5);
  snapshot.first_step = 1;
  snapshot.coalesced = 4;
  bench.Send(sink, merged(1, 5), snapshot);
  bench.Send(sink, merged(1, 5), snapshot);  // Once more, and a part of it alone.
  bench.Send(sink, Rank(0, 4), SnapshotAt(4));
  EXPECT_EQ(bench.View()->counters, CountersAt(5));
  EXPECT_EQ(bench.View()->coalesced, 4u);
  EXPECT_THAT(sink->acks, ElementsAre(5, 5, 5));
  // What is refused leaves no gap, whether it was refused on the way or here.
  bench.Apply(RejectedMessage{sink, 8, Refuse(RefusalReason::kOutOfRange, "loss is nan"), 6});
  snapshot = SnapshotAt(11);
  snapshot.counters.layers[0].layer = 7;
  bench.Send(sink, merged(9, 11), snapshot);
  EXPECT_EQ(sink->refusals.size(), 2u);
  EXPECT_EQ(sink->acks.back(), 11u);
}

// It says something, if nothing that can be taken.
TEST(Engine, ARankWhoseMessagesAreRefusedHasNotFallenSilent) {
  using std::chrono::seconds;
  const AlertTime start = AlertTime(seconds(5000));
  Bench bench;
  bench.engine.Tick(start);
  auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
  for (const uint64_t seq : {1, 0}) {  // 0: of a number that is itself out of range.
    const seconds passed(seq == 1 ? 100 : 220);
    bench.engine.Tick(start + passed);
    bench.Apply(RejectedMessage{sink, seq, Refuse(RefusalReason::kMalformed, "what")});
    bench.engine.Tick(start + passed + seconds(110));
    EXPECT_THAT(bench.View()->record.alerts.firing, ::testing::IsEmpty()) << seq;
  }
  bench.engine.Tick(start + seconds(341));
  EXPECT_EQ(bench.View()->record.alerts.firing.at(0).name, "lost_telemetry");
}

TEST(Engine, AWorkersDirectiveAboveOursIsGoneOnFrom) {
  Bench bench;
  Hello hello = HelloOf("i", 1);
  hello.in_force = Directive{};
  hello.in_force->run = "r";
  hello.in_force->version = 41;
  hello.in_force->layers = {{testing::kLayer, 0.6, 0.0}};
  auto sink = bench.Greet(Rank(0), hello);
  EXPECT_EQ(sink->replies[0].in_force->version, 41u);
  for (uint64_t s = 1; s <= 10; ++s) bench.Send(sink, Rank(0, s), SnapshotAt(s));
  ASSERT_EQ(sink->directives.size(), 1u);
  EXPECT_EQ(sink->directives[0].version, 42u);
  EXPECT_LE(std::abs(sink->directives[0].layers[0].threshold - 0.6), 0.02 + 1e-12);
}

TEST(Engine, SetThresholdIsAnswered) {
  Bench bench;
  auto sink = bench.Greet(Rank(0), HelloOf("i", 1));
  absl::StatusOr<Directive> answer = absl::UnknownError("none");
  const auto done = [&answer](const absl::StatusOr<Directive>& a) { answer = a; };
  bench.Apply(SetThresholdCommand{"r", testing::kLayer, 0.45, "try", done});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->layers[0].threshold, 0.45);
  EXPECT_EQ(sink->directives.back(), *answer);
  bench.Apply(SetThresholdCommand{"r", 9, 0.45, "try", done});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
  bench.Apply(SetThresholdCommand{"x", testing::kLayer, 0.45, "try", done});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
  bench.Apply(ResetBreakerCommand{"r", "try", done});
  EXPECT_EQ(answer.status().message(), "breaker is closed");
}

}  // namespace
}  // namespace sluice::sidecar
