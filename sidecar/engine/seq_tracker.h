#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace sluice::sidecar {

// Which messages of one (generation, rank, incarnation) were taken. Messages may come twice and out
// of order; `durable()` is the number up to which none is missing.
//
// A gap is given up, so that acknowledgements go on, when kGapPatience messages came after it, or
// when it lies before the first message of a stream: a rank resends all that it still has, in
// order, so what is not there was merged into a later message. Not synchronised.
class SeqTracker {
 public:
  // Less than the 64 messages that a worker lets be unacknowledged: with as many it would wait for
  // an acknowledgement, and the acknowledgement for its next message.
  static constexpr size_t kGapPatience = 32;

  explicit SeqTracker(uint64_t durable = 0) : durable_(durable) {}

  // A stream begins: the next message is the oldest that the rank still has.
  void StartStream() { first_of_stream_ = true; }
  // True if `seq` was not taken before.
  bool Take(uint64_t seq) { return Take(seq, seq); }
  // One message that stands for those from `first` to `last`; true if `last` was not taken before.
  bool Take(uint64_t first, uint64_t last);
  uint64_t durable() const { return durable_; }

 private:
  void Advance();

  uint64_t durable_ = 0;
  bool first_of_stream_ = false;
  std::set<uint64_t> ahead_;
};

}  // namespace sluice::sidecar
