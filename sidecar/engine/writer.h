#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "sidecar/engine/command_queue.h"
#include "sidecar/engine/engine.h"
#include "sidecar/engine/view_hub.h"
#include "sidecar/store/store.h"

namespace sluice::sidecar {

// The one thread that owns run state and store. Each round: drain the queue, apply, one
// transaction, then publish the view, then say what the batch wanted said. Nothing is said before
// it is durable, and who is told finds it in the view. A commit that fails is tried again from the
// state in memory, and no command is taken meanwhile, so that ranks feel the backpressure and keep
// what is theirs. A state file that a commit finds damaged is set aside, and a new one is written
// from memory.
class Writer {
 public:
  Writer(Engine engine, Store store, CommandQueue* queue, ViewHub* hub);
  ~Writer();

  void Start();
  // Drains the queue, commits and says the last, then ends the thread. Gives up a failing commit
  // at `deadline`; false if something was left.
  bool Stop(std::chrono::steady_clock::time_point deadline);

  // True while the last commit succeeded. Thread-safe, as the rest.
  bool writable() const { return writable_.load(); }
  // Time since the thread last went round.
  std::chrono::nanoseconds SinceHeartbeat() const;

 private:
  void Loop();
  bool Commit();
  void BeginAnew();
  std::shared_ptr<const View> WithStorage(std::shared_ptr<View> view) const;
  bool PastDeadline() const;

  Engine engine_;
  Store store_;
  CommandQueue* queue_;
  ViewHub* hub_;
  Outbox outbox_;
  uint64_t commit_failures_ = 0;
  CommitTimes commit_times_;
  std::string error_;  // Of the last commit that failed.
  std::atomic<bool> writable_{true};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> complete_{true};
  std::atomic<std::chrono::steady_clock::time_point> deadline_{};
  std::atomic<std::chrono::steady_clock::time_point> heartbeat_{};
  std::thread thread_;
};

}  // namespace sluice::sidecar
