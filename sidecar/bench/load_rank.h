#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/counters.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// What all simulated ranks share. Thread-safe.
class LoadState {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr uint64_t kWindow = 10;  // The sidecar's default.

  LoadState(uint32_t ranks, uint64_t in_flight) : ranks(ranks), in_flight(in_flight) {}

  // Ranks may do their steps up to this one.
  std::atomic<uint64_t> allowed{0};
  std::atomic<uint64_t> acked{0};  // Messages, of all ranks.
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> directives{0};
  std::atomic<uint32_t> greeted{0};

  // A rank is about to send the last step of a window; a directive based on it has come.
  void NoteSent(uint64_t step);
  void NoteDirective(uint64_t step);
  // From the last rank's snapshot of a window's end to rank 0's directive, in milliseconds.
  std::vector<double> TakeLatencies();

  const uint32_t ranks;
  const uint64_t in_flight;

 private:
  static constexpr size_t kRemembered = 4096;

  std::atomic<int64_t> sent_[kRemembered] = {};  // Nanoseconds, by window.
  absl::Mutex mutex_;
  std::vector<double> latencies_ ABSL_GUARDED_BY(mutex_);
};

// The counters of every simulated rank after `step`: all bins in use, a mean score that moves from
// window to window, so that each window leads to a directive.
Counters LoadCounters(uint64_t step);

// One simulated rank: which message comes next, and what it was told. A snapshot for each step,
// nothing is coalesced. Not synchronised.
class LoadRank {
 public:
  LoadRank(const std::string& run, uint32_t rank, LoadState* state);

  // The next message, or null if it has to wait: for the answer to Hello, for acknowledgements, for
  // leave to step on. It stays as it is until the next call.
  const v1::WorkerMessage* Next();
  void Hear(const v1::SidecarMessage& message);
  uint32_t rank() const { return message_.identity().rank(); }
  uint64_t sent() const { return sent_; }
  uint64_t acked() const { return acked_; }

 private:
  LoadState* const state_;
  const bool first_;
  v1::WorkerMessage hello_;
  v1::WorkerMessage message_;
  bool said_hello_ = false;
  bool greeted_ = false;
  uint64_t sent_ = 0;
  uint64_t acked_ = 0;
};

}  // namespace sluice::sidecar
