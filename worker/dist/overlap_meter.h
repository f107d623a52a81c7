#pragma once

#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::dist {

// Where backwards of one rank went, and what it sent for them.
struct Traffic {
  double backward_seconds = 0.0;       // From the start until all gradients are there.
  double communication_seconds = 0.0;  // In which at least one bucket was on its way.
  double exposed_seconds = 0.0;        // Of these, the ones after the rank's last bucket had left.
  uint64_t bytes = 0;                  // Of gradients, handed over to be summed.
};

// Measures how far the sums of gradients hide behind the backward. Buckets leave on the backward's
// thread and arrive on any: thread-safe.
class OverlapMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Start(Time now);
  // A bucket of `bytes` leaves. The ticket is for its arrival.
  uint64_t Leave(Time now, uint64_t bytes);
  // One that is reported after the end of its backward, which cannot end before it is there, says
  // nothing new.
  void Arrive(uint64_t ticket, Time now);
  void End(Time now);
  // Of the backwards since the last call.
  Traffic Take();

 private:
  void Advance(Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  Traffic traffic_ ABSL_GUARDED_BY(mutex_);
  uint64_t backward_ ABSL_GUARDED_BY(mutex_) = 0;  // Which one is measured, from 1.
  uint64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  Time start_ ABSL_GUARDED_BY(mutex_);
  Time last_event_ ABSL_GUARDED_BY(mutex_);
  double since_last_left_ ABSL_GUARDED_BY(mutex_) = 0.0;
};

}  // namespace sluice::dist
