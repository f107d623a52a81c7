#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::service {

enum class Phase { kStarting, kTraining, kEvaluating, kPaused, kDraining };

// What a rank does, as the service tells it.
struct RankStatus {
  std::string run{};
  uint32_t rank = 0;
  uint32_t world_size = 1;
  Phase phase = Phase::kStarting;
  uint64_t step = 0;  // Last finished.
  uint64_t total_steps = 0;
  uint64_t directive_version = 0;
  std::string checkpoint{};  // File name of the newest durable one; empty: none.
};

// What is asked of this rank and not yet agreed on by all.
struct Wishes {
  bool pause = false;
  bool resume = false;
  bool checkpoint = false;
  bool drain = false;

  bool any() const { return pause || resume || checkpoint || drain; }
};

// What became of a request: the step it took effect after, and for a checkpoint its file name.
struct Answer {
  uint64_t step = 0;
  std::string checkpoint{};
};
using Answered = std::function<void(absl::StatusOr<Answer>)>;

// Between the service's threads, which ask, and the training thread, which obeys between two steps
// once all ranks have agreed. Thread-safe. Nothing here waits but AwaitWish; answers are called
// once, on the thread that brings them about, without the lock.
class CommandBoard {
 public:
  // `paused`: the run pauses before its first step, and a resume until then is meant for that.
  explicit CommandBoard(RankStatus status, bool paused = false) : status_(std::move(status)) {
    coming_.pause = paused;
  }
  // Whoever still waits gets UNAVAILABLE.
  ~CommandBoard() { Close(); }

  RankStatus Status() const;
  // For the service. FAILED_PRECONDITION once the run is ending.
  // Answered when the pause holds; at once if it holds already. Resumes that wait are overruled:
  // they get ABORTED.
  void Pause(Answered done);
  // Answered when training goes on; at once if nothing is paused. Pauses that wait are overruled:
  // they get ABORTED, and what this rank has told the others already is undone when it has come.
  void Resume(Answered done);
  // Answered when a checkpoint is durable.
  void SaveCheckpoint(Answered done);
  // Answered when the end has begun.
  void Drain(Answered done);

  // For the training thread. What stands in the wishes is what it tells the other ranks: unless the
  // run ends, it comes before they are read again.
  Wishes Current();
  // Returns at a wish, or after `timeout`; for a paused run.
  void AwaitWish(std::chrono::milliseconds timeout);
  void SetProgress(uint64_t step, uint64_t directive_version, const std::string& checkpoint);
  void SetPhase(Phase phase);
  // All ranks have agreed on these.
  void OnPaused();
  void OnResumed();
  void OnCheckpoint(const std::string& name);
  // Whoever waits for something else than the end gets FAILED_PRECONDITION.
  void OnDraining();
  // The run has ended: no request is taken any more.
  void Close();

 private:
  using Waiting = std::vector<Answered>;
  void Ask(Answered done, Waiting CommandBoard::*queue, bool Wishes::*wish);
  // Changes the state by `change`, whose answer goes to whoever waits in `queue`.
  template <typename Change>
  void Settle(Waiting CommandBoard::*queue, bool Wishes::*wish, Change change);
  void TellRest(const absl::Status& why);
  bool Ends() const { return closed_ || status_.phase == Phase::kDraining; }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  RankStatus status_;
  Wishes wishes_;
  Wishes coming_;  // As read last: a pause counts until it holds, a resume until training goes on.
  bool closed_ = false;
  Waiting pausing_, resuming_, saving_, draining_;
};

}  // namespace sluice::service
