#include "sidecar/engine/command_queue.h"

#include <algorithm>
#include <utility>

namespace sluice::sidecar {

bool CommandQueue::Push(Command command, std::function<void()> on_taken) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() < capacity_ && parked_.empty()) {
    queue_.push_back(std::move(command));
    ready_.notify_one();
    return true;
  }
  Park(std::move(command), std::move(on_taken));
  return false;
}

bool CommandQueue::Push(std::vector<Command> commands, std::function<void()> on_taken) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() < capacity_ && parked_.empty()) {
    for (Command& command : commands) queue_.push_back(std::move(command));
    ready_.notify_one();
    return true;
  }
  parked_.push_back({std::move(commands), std::move(on_taken)});
  return false;
}

void CommandQueue::Park(Command command, std::function<void()> on_taken) {
  std::vector<Command> one;
  one.push_back(std::move(command));
  parked_.push_back({std::move(one), std::move(on_taken)});
}

bool CommandQueue::TryPush(Command command) {
  const std::lock_guard lock(mutex_);
  if (closed_ || queue_.size() >= capacity_) return false;
  queue_.push_back(std::move(command));
  ready_.notify_one();
  return true;
}

void CommandQueue::PushAlways(Command command) {
  const std::lock_guard lock(mutex_);
  // Behind what the same stream parked, so that its end does not overtake its last message.
  if (parked_.empty()) {
    queue_.push_back(std::move(command));
    ready_.notify_one();
  } else {
    Park(std::move(command), [] {});
  }
}

std::vector<Command> CommandQueue::Drain(size_t most, std::chrono::milliseconds wait) {
  std::vector<Command> taken;
  std::vector<std::function<void()>> callbacks;
  {
    std::unique_lock lock(mutex_);
    // By the steady clock: absl::Mutex waits until a time of the wall clock, and that may be set.
    ready_.wait_until(lock, std::chrono::steady_clock::now() + wait,
                      [this] { return woken_ || !queue_.empty(); });
    woken_ = false;
    while (!queue_.empty() && taken.size() < most) {
      taken.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    while (!parked_.empty() && queue_.size() < capacity_) {
      for (Command& command : parked_.front().commands) queue_.push_back(std::move(command));
      callbacks.push_back(std::move(parked_.front().on_taken));
      parked_.pop_front();
    }
  }
  for (const auto& callback : callbacks) callback();
  return taken;
}

std::vector<Command> CommandQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  std::vector<Command> left;
  for (Command& command : queue_) left.push_back(std::move(command));
  for (Parked& parked : parked_) {
    for (Command& command : parked.commands) left.push_back(std::move(command));
  }
  queue_.clear();
  parked_.clear();
  return left;
}

void CommandQueue::Wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  ready_.notify_one();
}

bool CommandQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && parked_.empty();
}

size_t CommandQueue::size() const {
  const std::lock_guard lock(mutex_);
  size_t size = queue_.size();
  for (const Parked& parked : parked_) size += parked.commands.size();
  return size;
}

}  // namespace sluice::sidecar
