#include "worker/telemetry/backoff.h"

#include <algorithm>

namespace sluice::telemetry {

std::chrono::microseconds Backoff::Next() {
  const int64_t bound = std::chrono::microseconds(std::min(bound_, longest_)).count();
  bound_ = std::min(bound_ * 2, longest_);
  return std::chrono::microseconds(
      std::uniform_int_distribution<int64_t>(bound / 2, bound)(random_));
}

}  // namespace sluice::telemetry
