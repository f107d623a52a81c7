#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Messages of one rank that wait to be forwarded, in order. A snapshot that waits last gives way to
// the next one, which then stands for both: counters are cumulative, so the newest says all. It
// stays if it is at the end of a policy window or if either of the two would be refused upstream.
// Not synchronised.
class LaneQueue {
 public:
  // What the lane's number and an entry's tag and length take in a request, at most.
  static constexpr size_t kMostFraming = 24;

  // Steps per policy window, as the upstream's answer to Hello has it. Nothing is merged before.
  void SetWindow(uint64_t steps) { window_ = steps; }

  void Add(v1::WorkerMessage message);

  // The oldest, without its lane's number, and its bytes in a request with the number. Only if not
  // empty.
  v1::LaneRequest Pop();
  size_t front_bytes() const { return waiting_.front().bytes + kMostFraming; }

  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }
  size_t bytes() const { return bytes_; }
  // Something waits that others wait for: all but snapshots inside a window.
  bool urgent() const { return urgent_ > 0; }
  // Snapshots that gave way, since the start.
  uint64_t merged() const { return merged_; }

 private:
  struct Waiting {
    v1::LaneRequest request;
    size_t bytes = 0;
    bool good = false;  // Passes the checks that need no run.
  };

  bool IsUrgent(const v1::WorkerMessage& message) const;
  bool MayMerge(const Waiting& last, const v1::WorkerMessage& next, bool next_is_good) const;

  uint64_t window_ = 0;
  size_t bytes_ = 0;
  size_t urgent_ = 0;
  uint64_t merged_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace sluice::sidecar
