#include "worker/service/command_board.h"

#include <utility>

namespace sluice::service {
namespace {

void TellAll(std::vector<Answered> waiting, const absl::StatusOr<Answer>& answer) {
  for (const Answered& done : waiting) done(answer);
}

absl::Status IsEnding() { return absl::FailedPreconditionError("the run is ending"); }

}  // namespace

RankStatus CommandBoard::Status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void CommandBoard::Pause(Answered done) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Ends()) {
    lock.unlock();
    return done(IsEnding());
  }
  const Waiting overruled = std::exchange(resuming_, {});
  wishes_.resume = false;
  const bool holds = status_.phase == Phase::kPaused && !coming_.resume;
  const Answer answer{status_.step, ""};
  if (!holds) {
    wishes_.pause = true;
    pausing_.push_back(done);
    changed_.notify_all();
  }
  lock.unlock();
  TellAll(overruled, absl::AbortedError("paused again before it took effect"));
  if (holds) done(answer);
}

void CommandBoard::Resume(Answered done) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Ends()) {
    lock.unlock();
    return done(IsEnding());
  }
  const Waiting overruled = std::exchange(pausing_, {});
  wishes_.pause = false;
  const bool trains = status_.phase != Phase::kPaused && !coming_.pause;
  const Answer answer{status_.step + 1, ""};
  if (!trains) {
    wishes_.resume = true;
    resuming_.push_back(done);
    changed_.notify_all();
  }
  lock.unlock();
  TellAll(overruled, absl::AbortedError("resumed before the pause took effect"));
  if (trains) done(answer);
}

void CommandBoard::Ask(Answered done, Waiting CommandBoard::*queue, bool Wishes::*wish) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Ends()) {
    lock.unlock();
    return done(IsEnding());
  }
  wishes_.*wish = true;
  (this->*queue).push_back(std::move(done));
  changed_.notify_all();
}

void CommandBoard::SaveCheckpoint(Answered done) {
  Ask(std::move(done), &CommandBoard::saving_, &Wishes::checkpoint);
}

void CommandBoard::Drain(Answered done) {
  Ask(std::move(done), &CommandBoard::draining_, &Wishes::drain);
}

Wishes CommandBoard::Current() {
  const std::lock_guard<std::mutex> lock(mutex_);
  coming_ = wishes_;
  return wishes_;
}

void CommandBoard::AwaitWish(std::chrono::milliseconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return wishes_.any(); });
}

void CommandBoard::SetProgress(uint64_t step, uint64_t directive_version,
                               const std::string& checkpoint) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_.step = step;
  status_.directive_version = directive_version;
  status_.checkpoint = checkpoint;
}

void CommandBoard::SetPhase(Phase phase) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_.phase = phase;
}

template <typename Change>
void CommandBoard::Settle(Waiting CommandBoard::*queue, bool Wishes::*wish, Change change) {
  std::unique_lock<std::mutex> lock(mutex_);
  const Answer answer = change();
  wishes_.*wish = false;
  const Waiting waiting = std::exchange(this->*queue, {});
  lock.unlock();
  TellAll(waiting, answer);
}

void CommandBoard::OnPaused() {
  Settle(&CommandBoard::pausing_, &Wishes::pause, [this] {
    status_.phase = Phase::kPaused;
    return Answer{status_.step, ""};
  });
}

void CommandBoard::OnResumed() {
  Settle(&CommandBoard::resuming_, &Wishes::resume, [this] {
    status_.phase = Phase::kTraining;
    coming_ = {};
    return Answer{status_.step + 1, ""};
  });
}

void CommandBoard::OnCheckpoint(const std::string& name) {
  Settle(&CommandBoard::saving_, &Wishes::checkpoint, [&] {
    status_.checkpoint = name;
    return Answer{status_.step, name};
  });
}

void CommandBoard::OnDraining() {
  Settle(&CommandBoard::draining_, &Wishes::drain, [this] {
    status_.phase = Phase::kDraining;
    return Answer{status_.step, ""};
  });
  TellRest(IsEnding());
}

void CommandBoard::TellRest(const absl::Status& why) {
  std::unique_lock<std::mutex> lock(mutex_);
  wishes_ = {};
  std::vector<Waiting> left;
  for (Waiting* queue : {&pausing_, &resuming_, &saving_, &draining_}) {
    left.push_back(std::exchange(*queue, {}));
  }
  lock.unlock();
  for (const Waiting& waiting : left) TellAll(waiting, why);
}

void CommandBoard::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  TellRest(absl::UnavailableError("the run has ended"));
}

}  // namespace sluice::service
