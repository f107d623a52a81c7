#pragma once

#include <algorithm>
#include <chrono>

namespace sluice::security {

// A rate limit: `per_second` on average, `burst` at once. Time is passed in and never goes back.
// Not thread-safe.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TokenBucket(double per_second, double burst)
      : per_second_(per_second), burst_(burst), left_(burst) {}

  // True: one is taken. False: the limit is reached.
  bool Take(Time now) {
    if (last_ != Time{}) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      left_ = std::min(burst_, left_ + std::max(0.0, seconds) * per_second_);
    }
    last_ = std::max(last_, now);
    if (left_ < 1.0) return false;
    left_ -= 1.0;
    return true;
  }
  // True if nothing has been taken lately: a new bucket would say the same.
  bool Full(Time now) const {
    return left_ + std::chrono::duration<double>(now - last_).count() * per_second_ >= burst_;
  }

 private:
  double per_second_;
  double burst_;
  double left_;
  Time last_{};
};

}  // namespace sluice::security
