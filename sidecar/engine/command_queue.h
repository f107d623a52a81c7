#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "sidecar/engine/command.h"

namespace sluice::sidecar {

// The way from many streams to the writer thread: bounded, in order, with backpressure. A producer
// that finds it full has what it brings parked and must not bring more before `on_taken` is called;
// so at most one command, or one list of them, per producer is parked. Thread-safe. Callbacks run
// without the lock, on the thread that drains.
class CommandQueue {
 public:
  explicit CommandQueue(size_t capacity) : capacity_(capacity) {}

  // True: taken. False: parked, `on_taken` will be called once it is taken.
  bool Push(Command command, std::function<void()> on_taken);
  // Several, in order, taken or parked together: the queue may exceed its capacity by their number.
  bool Push(std::vector<Command> commands, std::function<void()> on_taken);
  // Takes the command, or refuses it if the queue is full: for producers that cannot wait.
  bool TryPush(Command command);
  // Puts it in whatever the size: for news that no one can repeat, such as a stream's end.
  void PushAlways(Command command);

  // Up to `most` commands, waiting up to `wait` for the first. Empty after the wait or Wake.
  std::vector<Command> Drain(size_t most, std::chrono::milliseconds wait);
  void Wake();
  // Nothing is taken from now on; returns what was left.
  std::vector<Command> Close();
  bool empty() const;
  size_t size() const;

 private:
  struct Parked {
    std::vector<Command> commands;
    std::function<void()> on_taken;
  };

  void Park(Command command, std::function<void()> on_taken);  // Under the lock.

  const size_t capacity_;
  mutable std::mutex mutex_;  // Guards all that follows.
  std::condition_variable ready_;
  std::deque<Command> queue_;
  std::deque<Parked> parked_;
  bool closed_ = false;
  bool woken_ = false;
};

}  // namespace sluice::sidecar
