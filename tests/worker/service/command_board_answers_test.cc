#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <string>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/wait_until.h"
#include "tests/worker/service/board.h"
#include "tests/worker/service/reply.h"
#include "worker/service/command_board.h"

namespace sluice::service {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// True while the kernel has this thread of ours wait for something.
bool IsBlocked(pid_t thread) {
  const std::string stat =
      ReadFile("/proc/self/task/" + std::to_string(thread) + "/stat").value_or("");
  return stat.find(") S ") != std::string::npos;
}

TEST_F(Board, ACheckpointIsAnsweredWithItsName) {
  const Reply first = Save();
  const Reply second = Save();
  EXPECT_TRUE(board_.Current().checkpoint);
  board_.SetProgress(8, 3, "");
  EXPECT_EQ(first.count() + second.count(), 0u);
  board_.OnCheckpoint("checkpoint-8.safetensors");
  EXPECT_TRUE(Told(first, 8, "checkpoint-8.safetensors"));
  EXPECT_TRUE(Told(second, 8, "checkpoint-8.safetensors"));
  EXPECT_EQ(board_.Status().checkpoint, "checkpoint-8.safetensors");
  EXPECT_FALSE(board_.Current().any());
  const Reply third = Save();  // Each wants one of its own.
  EXPECT_EQ(third.count(), 0u);
  EXPECT_TRUE(board_.Current().checkpoint);
}

TEST_F(Board, ACheckpointOfAPausedRunLeavesItPaused) {
  board_.OnPaused();
  const Reply save = Save();
  EXPECT_TRUE(board_.Current().checkpoint);
  board_.OnCheckpoint("c");
  EXPECT_TRUE(Told(save, 7, "c"));
  EXPECT_EQ(board_.Status().phase, Phase::kPaused);
}

TEST_F(Board, ADrainIsAnsweredWhenTheEndHasBegun) {
  const Reply drain = Drain();
  EXPECT_TRUE(board_.Current().drain);
  EXPECT_EQ(drain.count(), 0u);
  board_.SetProgress(8, 3, "");
  board_.OnDraining();
  EXPECT_TRUE(Told(drain, 8));
  EXPECT_EQ(board_.Status().phase, Phase::kDraining);
  EXPECT_FALSE(board_.Current().drain);
}

TEST_F(Board, EachEventAnswersItsOwn) {
  board_.OnPaused();
  const Reply resume = Resume();
  const Reply save = Save();
  const Reply drain = Drain();
  board_.OnCheckpoint("c");
  EXPECT_EQ(save.count(), 1u);
  EXPECT_EQ(resume.count() + drain.count(), 0u);
  board_.OnResumed();
  EXPECT_EQ(resume.count(), 1u);
  EXPECT_EQ(drain.count(), 0u);
  const Reply pause = Pause();
  board_.OnDraining();
  EXPECT_EQ(drain.count(), 1u);
  EXPECT_TRUE(Refused(pause, StatusCode::kFailedPrecondition, "the run is ending"));
  board_.Close();
  for (const Reply& reply : {resume, save, drain, pause}) EXPECT_EQ(reply.count(), 1u);
}

TEST(StartsPaused, AResumeBeforeThePauseHoldsIsMeantForIt) {
  CommandBoard board(RankStatus{}, /*paused=*/true);
  const Reply resume;
  board.Resume(resume.handle());
  EXPECT_EQ(resume.count(), 0u);
  board.OnPaused();
  EXPECT_TRUE(board.Current().resume);
  board.OnResumed();
  ASSERT_TRUE(resume.only().ok());
  EXPECT_EQ(resume.only()->step, 1u);
}

TEST_F(Board, ARunThatEndsTakesNoRequest) {
  board_.OnDraining();
  for (const Reply& reply : {Pause(), Resume(), Save(), Drain()}) {
    EXPECT_TRUE(Refused(reply, StatusCode::kFailedPrecondition, "the run is ending"));
  }
  EXPECT_FALSE(board_.Current().any());
  EXPECT_EQ(board_.Status().step, 7u);
}

TEST_F(Board, AClosedBoardTakesNoRequest) {
  board_.Close();
  for (const Reply& reply : {Pause(), Resume(), Save(), Drain()}) {
    EXPECT_TRUE(Refused(reply, StatusCode::kFailedPrecondition, "the run is ending"));
  }
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, CloseAnswersWhoeverWaits) {
  const std::vector<Reply> training = {Pause(), Save(), Drain()};
  board_.Close();
  board_.Close();
  for (const Reply& reply : training) {
    EXPECT_TRUE(Refused(reply, StatusCode::kUnavailable, "the run has ended"));
  }
  EXPECT_FALSE(board_.Current().any());
}

TEST(BoardsEnd, AnswersWhoeverWaits) {
  const Reply resume;
  {
    CommandBoard board{RankStatus()};
    board.OnPaused();
    board.Resume(resume.handle());
    EXPECT_EQ(resume.count(), 0u);
  }
  EXPECT_TRUE(Says(resume.only().status(), StatusCode::kUnavailable, {"the run has ended"}));
}

// An answer comes without the lock: whoever gets it may ask again.
TEST_F(Board, AnAnswerMayAskAgain) {
  const Reply resume;
  board_.Pause([&](const absl::StatusOr<Answer>&) { board_.Resume(resume.handle()); });
  board_.OnPaused();
  EXPECT_EQ(resume.count(), 0u);
  EXPECT_TRUE(board_.Current().resume);
  board_.OnResumed();
  EXPECT_TRUE(Told(resume, 8));
  const Reply late;
  board_.Drain([&](const absl::StatusOr<Answer>&) { board_.Pause(late.handle()); });
  board_.Close();
  EXPECT_TRUE(Refused(late, StatusCode::kFailedPrecondition, "the run is ending"));
}

TEST_F(Board, AwaitWishReturnsAtItsTimeout) {
  board_.OnPaused();
  const auto start = steady_clock::now();
  board_.AwaitWish(milliseconds(30));
  EXPECT_GE(steady_clock::now() - start, milliseconds(30));
}

TEST_F(Board, AwaitWishReturnsAtAWishThatStands) {
  Save();
  const auto start = steady_clock::now();
  board_.AwaitWish(seconds(60));
  EXPECT_LT(steady_clock::now() - start, seconds(30));
}

TEST_F(Board, AwaitWishReturnsAtEachWish) {
  for (const auto ask : {&CommandBoard::Pause, &CommandBoard::Resume, &CommandBoard::SaveCheckpoint,
                         &CommandBoard::Drain}) {
    CommandBoard board{RankStatus()};
    if (ask == &CommandBoard::Resume) board.OnPaused();
    std::promise<pid_t> begun;
    auto waiter = std::async(std::launch::async, [&] {
      begun.set_value(::gettid());
      board.AwaitWish(seconds(20));
    });
    const pid_t thread = begun.get_future().get();
    ASSERT_TRUE(WaitUntil([&] { return IsBlocked(thread); }));
    (board.*ask)(Reply().handle());
    EXPECT_EQ(waiter.wait_for(seconds(10)), std::future_status::ready);
  }
}

}  // namespace
}  // namespace sluice::service
