#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "worker/service/command_board.h"

namespace sluice::service {

// What became of one request to a CommandBoard: every answer that it got. Thread-safe; its handle
// may outlive it.
class Reply {
 public:
  Answered handle() const {
    return [shared = shared_](const absl::StatusOr<Answer>& answer) {
      const std::lock_guard<std::mutex> lock(shared->mutex);
      shared->answers.push_back(answer);
      shared->changed.notify_all();
    };
  }
  size_t count() const {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    return shared_->answers.size();
  }
  // The one answer. INTERNAL if there is none, or more than one.
  absl::StatusOr<Answer> only() const {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    if (shared_->answers.size() == 1) return shared_->answers.front();
    return absl::InternalError(std::to_string(shared_->answers.size()) + " answers");
  }
  // False if no answer comes in time.
  bool Await() const {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    return shared_->changed.wait_for(lock, std::chrono::seconds(20),
                                     [this] { return !shared_->answers.empty(); });
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<absl::StatusOr<Answer>> answers;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace sluice::service
