#include "worker/train/steering.h"

#include <atomic>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "common/status.h"

namespace sluice::train {
namespace {

// How often the ranks of a paused run ask each other whether to go on. It bounds how late a wish
// that another rank than 0 got is seen, and stays far below any collective timeout in use.
constexpr std::chrono::milliseconds kPauseBeat{50};

std::atomic<bool> stop_requested{false};

}  // namespace

void RequestStop() { stop_requested.store(true); }
bool StopRequested() { return stop_requested.load(); }

dist::ControlInput Steering::Wishes() const {
  const service::Wishes wishes = board_->Current();
  dist::ControlInput input;
  input.stop = wishes.drain || stop_requested.load();
  input.pause = wishes.pause;
  input.checkpoint = wishes.checkpoint;
  input.resume = wishes.resume;
  return input;
}

absl::Status Steering::SaveNow() {
  SLUICE_ASSIGN_OR_RETURN(const std::string name, save_());
  // Rank 0 writes the file; the others may say that it is durable once they have heard from it.
  if (group_->size() > 1) {
    SLUICE_RETURN_IF_ERROR(group_->Gather(torch::zeros({1}, torch::kLong)).status());
  }
  board_->OnCheckpoint(name);
  return absl::OkStatus();
}

absl::StatusOr<bool> Steering::Obey(const dist::ControlResult& agreed) {
  if (agreed.checkpoint) SLUICE_RETURN_IF_ERROR(SaveNow());
  if (agreed.stop) {
    board_->OnDraining();
    return true;
  }
  return agreed.pause ? Pause() : absl::StatusOr<bool>(false);
}

absl::StatusOr<bool> Steering::Pause() {
  LogInfo(absl::StrCat("paused after step ", board_->Status().step));
  board_->OnPaused();
  dist::ControlExchange exchange(*group_);
  while (true) {
    // One rank sleeps, the others wait for it in the sum.
    if (group_->rank() == 0) board_->AwaitWish(kPauseBeat);
    exchange.Start(Wishes());
    SLUICE_ASSIGN_OR_RETURN(const dist::ControlResult agreed, exchange.Finish());
    if (agreed.checkpoint) SLUICE_RETURN_IF_ERROR(SaveNow());
    if (agreed.stop) {
      board_->OnDraining();
      return true;
    }
    if (agreed.resume) {
      board_->OnResumed();
      LogInfo("goes on");
      return false;
    }
  }
}

absl::StatusOr<bool> Steering::Await(const std::function<bool(std::chrono::milliseconds)>& ready) {
  dist::ControlExchange exchange(*group_);
  while (true) {
    const bool is_ready = group_->rank() == 0 && ready(kPauseBeat);
    dist::ControlInput input = Wishes();
    input.pause = false;
    input.resume = is_ready;
    exchange.Start(input);
    SLUICE_ASSIGN_OR_RETURN(const dist::ControlResult agreed, exchange.Finish());
    if (agreed.checkpoint) SLUICE_RETURN_IF_ERROR(SaveNow());
    if (agreed.stop) board_->OnDraining();
    if (agreed.stop || agreed.resume) return agreed.stop;
  }
}

}  // namespace sluice::train
