#include "worker/telemetry/snapshot_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

// Follows a stream of snapshots and checks that it covers every step once, in order.
struct Coverage {
  uint64_t last_step = 0;
  uint64_t snapshots = 0;
  uint64_t coalesced = 0;
  Counters counters;

  void Take(const GateSnapshot& snapshot) {
    ASSERT_EQ(snapshot.first_step, last_step + 1);
    ASSERT_EQ(snapshot.last_step - snapshot.first_step, snapshot.coalesced);
    last_step = snapshot.last_step;
    ++snapshots;
    coalesced += snapshot.coalesced;
    counters = snapshot.counters;
  }
};

TEST(SnapshotRingTest, GivesBackWhatWentIn) {
  SnapshotRing ring(2);
  EXPECT_EQ(ring.Pop(), std::nullopt);
  EXPECT_TRUE(ring.Push(MakeSnapshot(1)));
  EXPECT_EQ(ring.Pop(), MakeSnapshot(1));
  EXPECT_EQ(ring.Pop(), std::nullopt);
}

TEST(SnapshotRingTest, NextAcceptedOneCoversTheDroppedOnes) {
  SnapshotRing ring(2);
  EXPECT_TRUE(ring.Push(MakeSnapshot(1)));
  EXPECT_TRUE(ring.Push(MakeSnapshot(2)));
  EXPECT_FALSE(ring.Push(MakeSnapshot(3)));
  EXPECT_FALSE(ring.Push(MakeSnapshot(4)));
  ring.Pop();
  EXPECT_TRUE(ring.Push(MakeSnapshot(5)));
  ring.Pop();
  const auto merged = ring.Pop();
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->first_step, 3u);
  EXPECT_EQ(merged->last_step, 5u);
  EXPECT_EQ(merged->coalesced, 2u);
  EXPECT_EQ(merged->counters, MakeSnapshot(5).counters);
  const RingCounts counts = ring.counts();
  EXPECT_EQ(counts.offered, 5u);
  EXPECT_EQ(counts.accepted, 3u);
  EXPECT_EQ(counts.dropped, 2u);
}

TEST(SnapshotRingTest, TheLastStateGetsThroughAFullRing) {
  SnapshotRing ring(1);
  for (uint64_t step = 1; step <= 4; ++step) ring.Push(MakeSnapshot(step));
  EXPECT_EQ(ring.Pop(), MakeSnapshot(1));
  EXPECT_EQ(ring.Pop(), std::nullopt);
  const auto held = ring.TakeHeld();
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(held->first_step, 2u);
  EXPECT_EQ(held->coalesced, 2u);
  EXPECT_EQ(held->counters, MakeSnapshot(4).counters);
  EXPECT_EQ(ring.TakeHeld(), std::nullopt);
  EXPECT_EQ(ring.counts().accepted, 2u);
  EXPECT_EQ(ring.counts().dropped, 2u);
}

TEST(SnapshotRingTest, CountsWhatTheCallerCoalesced) {
  SnapshotRing ring(1);
  ring.Push(MakeSnapshot(1));
  GateSnapshot three = MakeSnapshot(4);
  three.first_step = 2;
  three.coalesced = 2;
  ring.Push(three);
  ring.Pop();
  ring.Push(MakeSnapshot(5));
  EXPECT_EQ(ring.Pop()->coalesced, 3u);
}

class RingConservationTest : public testing::TestWithParam<size_t> {};

// One producer and one consumer that now and then stops looking: what went in is what came out.
TEST_P(RingConservationTest, UnderThreads) {
  constexpr uint64_t kSteps = 20000;
  SnapshotRing ring(GetParam());
  std::atomic<bool> stopped{false};
  std::thread producer([&] {
    for (uint64_t step = 1; step <= kSteps; ++step) {
      ring.Push(MakeSnapshot(step));
      if (step % 64 == 0) std::this_thread::yield();
    }
    stopped.store(true, std::memory_order_release);
  });
  Coverage coverage;
  for (uint64_t look = 0;; ++look) {
    const bool last_look = stopped.load(std::memory_order_acquire);
    while (auto snapshot = ring.Pop()) {
      coverage.Take(*snapshot);
      if (snapshot->last_step % 3 == 0) std::this_thread::yield();
    }
    if (last_look) break;
  }
  producer.join();
  if (auto held = ring.TakeHeld()) coverage.Take(*held);
  const RingCounts counts = ring.counts();
  EXPECT_EQ(counts.offered, kSteps);
  EXPECT_EQ(counts.accepted + counts.dropped, counts.offered);
  EXPECT_EQ(coverage.snapshots, counts.accepted);
  EXPECT_EQ(coverage.coalesced, counts.dropped);
  EXPECT_EQ(coverage.last_step, kSteps);
  EXPECT_EQ(coverage.counters, MakeSnapshot(kSteps).counters);
  RecordProperty("dropped", static_cast<int>(counts.dropped));
}

INSTANTIATE_TEST_SUITE_P(Capacities, RingConservationTest,
                         testing::Values(1, 2, 3, 7, 16, 61, 256, 1000));

}  // namespace
}  // namespace sluice::telemetry
