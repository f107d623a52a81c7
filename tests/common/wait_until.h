#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

namespace sluice {

// True as soon as `condition` holds; false if it does not within `timeout`. It is looked at once in
// any case. For conditions that nobody signals: files, other processes, statistics. The looks begin
// 1 ms apart and grow to 10 ms, so that neither a quick condition nor a slow machine waits for
// them.
inline bool WaitUntil(const std::function<bool()>& condition,
                      std::chrono::nanoseconds timeout = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::chrono::milliseconds pause(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace sluice
