#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/dist/control.h"
#include "worker/dist/process_group.h"
#include "worker/service/command_board.h"

namespace sluice::train {

// Turns what operators ask of single ranks into what all ranks do after one and the same step. One
// thread per rank; all ranks call Obey and Pause alike.
class Steering {
 public:
  // Saves a checkpoint, on all ranks together; its file name.
  using Save = std::function<absl::StatusOr<std::string>()>;

  // Borrows both.
  Steering(service::CommandBoard* board, dist::Group* group, Save save)
      : board_(board), group_(group), save_(std::move(save)) {}

  // What this rank wants, for its control vector; never waits.
  dist::ControlInput Wishes() const;
  // Does what all ranks agreed on in the step that has just ended: saves a checkpoint, pauses until
  // a resume or an end is agreed on. True: the run ends here.
  absl::StatusOr<bool> Obey(const dist::ControlResult& agreed);
  // Pauses as if it had been agreed on.
  absl::StatusOr<bool> Pause();
  // Waits, before training, until rank 0's `ready` is true, which may itself wait as long as it is
  // given; obeys what is asked, but pauses come later. True: the run ends here.
  absl::StatusOr<bool> Await(const std::function<bool(std::chrono::milliseconds)>& ready);

 private:
  absl::Status SaveNow();

  service::CommandBoard* board_;
  dist::Group* group_;
  Save save_;
};

// Asks every Steering of this process to end the run after its step; safe in a signal handler.
void RequestStop();
bool StopRequested();

}  // namespace sluice::train
