#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace sluice::telemetry {

// Lets one thread sleep until there is something to do. Thread-safe. A signal between two waits is
// not lost; several count as one.
class Wakeup {
 public:
  void Signal() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      signalled_ = true;
    }
    changed_.notify_one();
  }

  // Returns at a signal, or after `timeout`.
  void WaitFor(std::chrono::milliseconds timeout) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, timeout, [this] { return signalled_; });
    signalled_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool signalled_ = false;
};

}  // namespace sluice::telemetry
