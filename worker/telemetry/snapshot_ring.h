#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/snapshot.h"

namespace sluice::telemetry {

// What became of the snapshots that were offered. accepted + dropped = offered whenever the
// producer is not inside Push.
struct RingCounts {
  uint64_t offered = 0;
  uint64_t accepted = 0;
  uint64_t dropped = 0;
};

// Bounded ring between one producer (the training thread) and one consumer (the publisher's
// thread), without locks. A snapshot that finds the ring full is dropped and counted; because
// counters are cumulative, the next accepted one says all that the dropped ones said: its
// `first_step` covers their steps and its `coalesced` counts them.
class SnapshotRing {
 public:
  // `capacity` >= 1 snapshots, allocated here and never again.
  explicit SnapshotRing(size_t capacity);
  SnapshotRing(const SnapshotRing&) = delete;
  SnapshotRing& operator=(const SnapshotRing&) = delete;

  // Producer only. Never blocks, never allocates, never fails. False: dropped, and held as the
  // newest state until the next call.
  bool Push(const GateSnapshot& snapshot);

  // Consumer only. Oldest snapshot, or none.
  std::optional<GateSnapshot> Pop();

  // Consumer only, and only once the producer has stopped for good (the caller orders the two
  // threads): the newest snapshot if it was dropped, so that the last state always gets through.
  // Counts it as accepted. Call when Pop() gives none.
  std::optional<GateSnapshot> TakeHeld();

  // Any thread.
  RingCounts counts() const;

 private:
  // A cache line of its own for each side, so that they do not slow each other down.
  static constexpr size_t kCacheLine = 64;

  std::vector<GateSnapshot> slots_;
  alignas(kCacheLine) std::atomic<uint64_t> pushed_{0};
  std::atomic<uint64_t> offered_{0};
  std::atomic<uint64_t> dropped_{0};
  uint64_t held_count_ = 0;  // Drops since the last accepted one.
  uint64_t held_first_step_ = 0;
  GateSnapshot held_;  // The newest dropped one.
  alignas(kCacheLine) std::atomic<uint64_t> popped_{0};
  std::atomic<uint64_t> taken_held_{0};
};

}  // namespace sluice::telemetry
