#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace sluice::telemetry {

// Pauses between attempts: the n-th is drawn from [half, all] of min(longest, first * 2^n), so that
// ranks that lost one sidecar together do not come back together. Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest, uint64_t seed)
      : first_(first), longest_(longest), bound_(first), random_(seed) {}

  std::chrono::microseconds Next();
  // The next pause is the first again.
  void Reset() { bound_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  std::chrono::milliseconds bound_;
  std::mt19937_64 random_;
};

}  // namespace sluice::telemetry
