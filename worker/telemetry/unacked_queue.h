#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <variant>

#include "common/snapshot.h"
#include "worker/telemetry/event.h"

namespace sluice::telemetry {

// A message on its way up. It has a seq from the moment it is first sent.
struct Outgoing {
  uint64_t seq = 0;
  std::variant<GateSnapshot, Event> body;
};

struct QueueLimits {
  size_t snapshots = 256;  // Waiting to be sent for the first time.
  size_t events = 256;     // Likewise.
  size_t in_flight = 64;   // Sent and not acknowledged.
};

// Messages in order, from their making to their acknowledgement. Those that were not sent yet have
// no seq, so coalescing them leaves no gap in the stream. Bounded. Not thread-safe.
class UnackedQueue {
 public:
  explicit UnackedQueue(QueueLimits limits) : limits_(limits) {}

  // Never refuses: without room, one waiting snapshot is merged into the one after it. The oldest
  // that is not at the end of a policy window goes first, then the oldest; the newest stays.
  void Add(const GateSnapshot& snapshot, uint64_t window_steps);

  // False if there is no room; RunEnded always has room. A TokenMap takes the place of one that
  // still waits: the newest is what people look at.
  bool Add(Event event);

  // Next message to write, or null if there is none or too many are in flight. It counts as sent.
  const Outgoing* Next();

  // Everything up to `seq` is durable. A seq that was never sent counts as the last one sent.
  // Returns true if anything new was acknowledged.
  bool Acknowledge(uint64_t seq);

  // The message `seq` was refused: it will not be sent again. False if it is not in flight.
  bool Refuse(uint64_t seq);

  // A new stream: everything above `durable_seq` is to be sent again, in order. A receiver that
  // lost what it had acknowledged gets the newest acknowledged snapshot again, because its
  // counters say all that the older ones said.
  void Rewind(uint64_t durable_seq);

  bool empty() const { return sent_.empty() && waiting_.empty(); }
  size_t size() const { return sent_.size() + waiting_.size(); }
  size_t in_flight() const { return written_; }
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t coalesced() const { return coalesced_; }
  uint64_t sent() const { return sent_count_; }
  uint64_t resent() const { return sent_count_ - last_seq_; }

 private:
  void MergeOne(uint64_t window_steps);
  void DropWaitingMap();
  void Forget(std::list<Outgoing>::iterator message);

  const QueueLimits limits_;
  std::list<Outgoing> sent_;     // With a seq; the first `written_` are on the present stream.
  std::list<Outgoing> waiting_;  // Without.
  size_t written_ = 0;
  size_t waiting_snapshots_ = 0;
  size_t waiting_events_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t coalesced_ = 0;
  uint64_t sent_count_ = 0;
  std::optional<Outgoing> newest_durable_;  // The newest acknowledged snapshot.
};

}  // namespace sluice::telemetry
