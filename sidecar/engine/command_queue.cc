#include "sidecar/engine/command_queue.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"

namespace sluice::sidecar {

bool CommandQueue::Push(Command command, std::function<void()> on_taken) {
  absl::MutexLock lock(&mutex_);
  if (queue_.size() < capacity_ && parked_.empty()) {
    queue_.push_back(std::move(command));
    return true;
  }
  parked_.push_back({std::move(command), std::move(on_taken)});
  return false;
}

bool CommandQueue::TryPush(Command command) {
  absl::MutexLock lock(&mutex_);
  if (closed_ || queue_.size() >= capacity_) return false;
  queue_.push_back(std::move(command));
  return true;
}

void CommandQueue::PushAlways(Command command) {
  absl::MutexLock lock(&mutex_);
  // Behind what the same stream parked, so that its end does not overtake its last message.
  if (parked_.empty()) {
    queue_.push_back(std::move(command));
  } else {
    parked_.push_back({std::move(command), [] {}});
  }
}

std::vector<Command> CommandQueue::Drain(size_t most, std::chrono::milliseconds wait) {
  std::vector<Command> taken;
  std::vector<std::function<void()>> callbacks;
  {
    absl::MutexLock lock(&mutex_);
    const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return woken_ || !queue_.empty();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::Milliseconds(wait.count()));
    woken_ = false;
    while (!queue_.empty() && taken.size() < most) {
      taken.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    while (!parked_.empty() && queue_.size() < capacity_) {
      queue_.push_back(std::move(parked_.front().command));
      callbacks.push_back(std::move(parked_.front().on_taken));
      parked_.pop_front();
    }
  }
  for (const auto& callback : callbacks) callback();
  return taken;
}

std::vector<Command> CommandQueue::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  std::vector<Command> left;
  for (Command& command : queue_) left.push_back(std::move(command));
  for (Parked& parked : parked_) left.push_back(std::move(parked.command));
  queue_.clear();
  parked_.clear();
  return left;
}

void CommandQueue::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

bool CommandQueue::empty() const {
  absl::MutexLock lock(&mutex_);
  return queue_.empty() && parked_.empty();
}

size_t CommandQueue::size() const {
  absl::MutexLock lock(&mutex_);
  return queue_.size() + parked_.size();
}

}  // namespace sluice::sidecar
