#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace sluice::telemetry {

// True as soon as `condition` holds; false if it does not within `timeout`. For conditions that
// nobody signals.
inline bool WaitUntil(const std::function<bool()>& condition,
                      std::chrono::seconds timeout = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace sluice::telemetry
