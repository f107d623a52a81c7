#include "sidecar/engine/seq_tracker.h"

#include <algorithm>

namespace sluice::sidecar {

bool SeqTracker::Take(uint64_t seq) {
  if (first_of_stream_) {
    first_of_stream_ = false;
    if (seq > durable_ + 1) durable_ = seq - 1;
    Advance();
  }
  if (seq <= durable_ || !ahead_.insert(seq).second) return false;
  if (ahead_.size() > kGapPatience) durable_ = *ahead_.begin() - 1;
  Advance();
  return true;
}

void SeqTracker::Advance() {
  while (!ahead_.empty() && *ahead_.begin() <= durable_ + 1) {
    durable_ = std::max(durable_, *ahead_.begin());
    ahead_.erase(ahead_.begin());
  }
}

}  // namespace sluice::sidecar
