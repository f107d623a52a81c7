// The ring between two threads, with a consumer that lets it run full and a producer that lets it
// run empty. What it must conserve is counted outside of it. Also for the thread sanitizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <tuple>

#include "tests/worker/telemetry/make_snapshot.h"
#include "worker/telemetry/snapshot_ring.h"

namespace sluice::telemetry {
namespace {

constexpr uint64_t kLastStep = 6000;

// What the producer offered, by its own count.
struct Offered {
  uint64_t snapshots = 0;
  uint64_t coalesced = 0;
  uint64_t refused = 0;
};

// What came out. Every snapshot must go on where the one before ended and have the counters of its
// last step, all of them: they are cumulative, so none may be lost or torn.
struct Received {
  uint64_t last_step = 0;
  uint64_t snapshots = 0;
  uint64_t coalesced = 0;
  uint64_t broken = 0;

  void Take(const GateSnapshot& snapshot) {
    const bool is_sound = snapshot.first_step == last_step + 1 &&
                          snapshot.last_step - snapshot.first_step == snapshot.coalesced &&
                          snapshot.counters == MakeSnapshot(snapshot.last_step).counters;
    if (!is_sound) ++broken;
    last_step = snapshot.last_step;
    ++snapshots;
    coalesced += snapshot.coalesced;
  }
};

class RingStressTest : public testing::TestWithParam<std::tuple<size_t, uint32_t>> {
 protected:
  // Offers all steps, some of them in snapshots that cover several already. Every few hundred
  // snapshots it waits until the consumer has emptied the ring.
  void Produce() {
    std::minstd_rand draw(std::get<1>(GetParam()));
    for (uint64_t step = 0; step < kLastStep;) {
      const uint64_t first = step + 1;
      step = std::min(kLastStep, first + (draw() % 8 == 0 ? draw() % 5 : 0));
      GateSnapshot snapshot = MakeSnapshot(step);
      snapshot.first_step = first;
      snapshot.coalesced = step - first;
      ++offered_.snapshots;
      offered_.coalesced += snapshot.coalesced;
      if (!ring_.Push(snapshot)) ++offered_.refused;
      if (draw() % 300 == 0) WaitUntilEmptied();
    }
    is_done_.store(true, std::memory_order_release);
  }
  void WaitUntilEmptied() {
    const uint64_t before = emptied_.load(std::memory_order_relaxed);
    while (emptied_.load(std::memory_order_relaxed) == before) std::this_thread::yield();
  }

  // Empties the ring again and again, and between two times mostly waits until it has overflowed.
  // The bound on that wait keeps both going when the producer waits for an empty ring.
  void Consume() {
    std::minstd_rand draw(std::get<1>(GetParam()) + 1);
    for (bool is_last_look = false; !is_last_look;) {
      is_last_look = is_done_.load(std::memory_order_acquire);
      if (draw() % 4 != 0) WaitForOverflow(draw() % 3);
      while (const auto snapshot = ring_.Pop()) received_.Take(*snapshot);
      emptied_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void WaitForOverflow(uint64_t by) const {
    const uint64_t before = ring_.counts().dropped;
    for (int look = 0; look < 2000 && ring_.counts().dropped <= before + by; ++look) {
      std::this_thread::yield();
    }
  }

  // Looks on as the statistics do. True as long as no count goes back.
  void Watch() {
    RingCounts last;
    while (!is_done_.load(std::memory_order_acquire)) {
      const RingCounts now = ring_.counts();
      if (now.offered < last.offered || now.accepted < last.accepted ||
          now.dropped < last.dropped) {
        counts_went_back_ = true;
      }
      last = now;
      std::this_thread::yield();
    }
  }

  SnapshotRing ring_{std::get<0>(GetParam())};
  std::atomic<bool> is_done_{false};
  std::atomic<uint64_t> emptied_{0};
  Offered offered_;
  Received received_;
  bool counts_went_back_ = false;
};

TEST_P(RingStressTest, WhatGoesInComesOut) {
  std::thread producer([this] { Produce(); });
  std::thread watcher([this] { Watch(); });
  Consume();
  producer.join();
  watcher.join();
  const RingCounts before_end = ring_.counts();
  EXPECT_EQ(before_end.offered, offered_.snapshots);
  EXPECT_EQ(before_end.dropped, offered_.refused);
  EXPECT_EQ(before_end.accepted + before_end.dropped, before_end.offered);
  EXPECT_EQ(before_end.accepted, received_.snapshots);
  // The newest state gets through although the ring was full.
  if (const auto held = ring_.TakeHeld()) received_.Take(*held);
  const RingCounts counts = ring_.counts();
  EXPECT_EQ(counts.accepted + counts.dropped, counts.offered);
  EXPECT_EQ(counts.accepted, received_.snapshots);
  EXPECT_EQ(received_.broken, 0u);
  EXPECT_EQ(received_.last_step, kLastStep);
  EXPECT_EQ(received_.coalesced, offered_.coalesced + counts.dropped);
  EXPECT_EQ(received_.snapshots + received_.coalesced, kLastStep);
  EXPECT_FALSE(counts_went_back_);
  // Or else this has shown nothing about a full ring.
  EXPECT_GT(counts.dropped, 0u);
}

INSTANTIATE_TEST_SUITE_P(CapacitiesAndSeeds, RingStressTest,
                         testing::Combine(testing::Values(1, 2, 5, 64), testing::Values(1, 2, 3)));

}  // namespace
}  // namespace sluice::telemetry
