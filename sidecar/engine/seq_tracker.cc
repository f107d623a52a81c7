#include "sidecar/engine/seq_tracker.h"

#include <algorithm>

namespace sluice::sidecar {

bool SeqTracker::Take(uint64_t first, uint64_t last) {
  if (first_of_stream_) {
    first_of_stream_ = false;
    if (first > durable_ + 1) durable_ = first - 1;
    Advance();
  }
  if (last <= durable_ || ahead_.contains(last)) return false;
  if (first <= durable_ + 1) {
    durable_ = last;
  } else {
    for (uint64_t seq = first; seq <= last; ++seq) ahead_.insert(seq);
  }
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
