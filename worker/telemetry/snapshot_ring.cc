#include "worker/telemetry/snapshot_ring.h"

#include "common/status.h"

namespace sluice::telemetry {
namespace {

// A counter with one writer needs no read-modify-write instruction.
void Bump(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

SnapshotRing::SnapshotRing(size_t capacity) : slots_(capacity) { SLUICE_CHECK(capacity >= 1); }

bool SnapshotRing::Push(const GateSnapshot& snapshot) {
  Bump(offered_);
  const uint64_t pushed = pushed_.load(std::memory_order_relaxed);
  if (pushed - popped_.load(std::memory_order_acquire) == slots_.size()) {
    if (held_count_ == 0) held_first_step_ = snapshot.first_step;
    held_count_ += 1 + snapshot.coalesced;
    held_ = snapshot;
    Bump(dropped_);
    return false;
  }
  GateSnapshot& slot = slots_[pushed % slots_.size()];
  slot = snapshot;
  if (held_count_ > 0) {
    slot.first_step = held_first_step_;
    slot.coalesced += held_count_;
    held_count_ = 0;
  }
  pushed_.store(pushed + 1, std::memory_order_release);
  return true;
}

std::optional<GateSnapshot> SnapshotRing::Pop() {
  const uint64_t popped = popped_.load(std::memory_order_relaxed);
  if (popped == pushed_.load(std::memory_order_acquire)) return std::nullopt;
  GateSnapshot snapshot = slots_[popped % slots_.size()];
  popped_.store(popped + 1, std::memory_order_release);
  return snapshot;
}

std::optional<GateSnapshot> SnapshotRing::TakeHeld() {
  if (held_count_ == 0) return std::nullopt;
  GateSnapshot snapshot = held_;
  snapshot.first_step = held_first_step_;
  snapshot.coalesced = held_count_ - 1;
  held_count_ = 0;
  Bump(taken_held_);
  return snapshot;
}

RingCounts SnapshotRing::counts() const {
  const uint64_t taken = taken_held_.load(std::memory_order_relaxed);
  return {.offered = offered_.load(std::memory_order_relaxed),
          .accepted = pushed_.load(std::memory_order_relaxed) + taken,
          .dropped = dropped_.load(std::memory_order_relaxed) - taken};
}

}  // namespace sluice::telemetry
