#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "worker/service/command_board.h"

namespace sluice::service {

// Plays the training thread of a run of one rank, whose steps take a millisecond: obeys a
// CommandBoard as worker/train/steering does.
class TrainingLoop {
 public:
  // Goes on after the board's step. Borrows the board.
  explicit TrainingLoop(CommandBoard* board) : board_(board), thread_([this] { Run(); }) {}
  // Ends after the step that runs, unless it was drained.
  ~TrainingLoop() { Join(); }

  void Join() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After Join.
  uint64_t pauses() const { return pauses_; }
  uint64_t resumes() const { return resumes_; }
  uint64_t checkpoints() const { return checkpoints_; }

 private:
  void Run() {
    step_ = board_->Status().step;
    board_->SetPhase(Phase::kTraining);
    bool ends = false;
    while (!ends && !stop_) {
      const Wishes agreed = board_->Current();
      board_->AwaitWish(std::chrono::milliseconds(1));
      board_->SetProgress(++step_, 3, checkpoint_);
      ends = ObeyCommon(agreed) || (agreed.pause && Pause());
    }
  }
  // True: the run ends.
  bool ObeyCommon(const Wishes& agreed) {
    if (agreed.checkpoint) {
      checkpoint_ = "checkpoint-" + std::to_string(step_) + ".safetensors";
      board_->OnCheckpoint(checkpoint_);
      ++checkpoints_;
    }
    if (agreed.drain) board_->OnDraining();
    return agreed.drain;
  }
  bool Pause() {
    board_->OnPaused();
    ++pauses_;
    while (!stop_) {
      board_->AwaitWish(std::chrono::milliseconds(50));
      const Wishes agreed = board_->Current();
      if (ObeyCommon(agreed)) return true;
      if (!agreed.resume) continue;
      board_->OnResumed();
      ++resumes_;
      return false;
    }
    return true;
  }

  CommandBoard* const board_;
  uint64_t step_ = 0, pauses_ = 0, resumes_ = 0, checkpoints_ = 0;
  std::string checkpoint_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;  // Uses all above.
};

}  // namespace sluice::service
