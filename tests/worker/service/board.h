#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/common/says.h"
#include "tests/worker/service/reply.h"
#include "worker/service/command_board.h"

namespace sluice::service {

// A run that has finished step 7. The test plays the training thread.
class Board : public ::testing::Test {
 protected:
  Board() {
    board_.SetProgress(7, 3, "");
    board_.SetPhase(Phase::kTraining);
  }
  Reply Pause() { return Ask(&CommandBoard::Pause); }
  Reply Resume() { return Ask(&CommandBoard::Resume); }
  Reply Save() { return Ask(&CommandBoard::SaveCheckpoint); }
  Reply Drain() { return Ask(&CommandBoard::Drain); }
  Reply Ask(void (CommandBoard::*what)(Answered)) {
    const Reply reply;
    (board_.*what)(reply.handle());
    return reply;
  }
  // A success with this step and checkpoint, given once.
  static ::testing::AssertionResult Told(const Reply& reply, uint64_t step,
                                         const std::string& checkpoint = "") {
    const absl::StatusOr<Answer> answer = reply.only();
    if (!answer.ok()) return ::testing::AssertionFailure() << answer.status();
    if (answer->step == step && answer->checkpoint == checkpoint) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
           << "step " << answer->step << ", checkpoint '" << answer->checkpoint << "'";
  }
  static ::testing::AssertionResult Refused(const Reply& reply, absl::StatusCode code,
                                            const std::string& says) {
    return Says(reply.only().status(), code, {says});
  }

  CommandBoard board_{RankStatus{"a", 1, 2, Phase::kStarting, 0, 100, 0, ""}};
};

}  // namespace sluice::service
