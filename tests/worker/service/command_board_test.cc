#include "worker/service/command_board.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/common/says.h"
#include "tests/worker/service/board.h"
#include "tests/worker/service/reply.h"

namespace sluice::service {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST_F(Board, ShowsWhatItWasToldLast) {
  board_.SetProgress(8, 4, "checkpoint-5.safetensors");
  board_.SetPhase(Phase::kEvaluating);
  const RankStatus status = board_.Status();
  EXPECT_EQ(status.run, "a");
  EXPECT_EQ(status.rank, 1u);
  EXPECT_EQ(status.world_size, 2u);
  EXPECT_EQ(status.phase, Phase::kEvaluating);
  EXPECT_EQ(status.step, 8u);
  EXPECT_EQ(status.total_steps, 100u);
  EXPECT_EQ(status.directive_version, 4u);
  EXPECT_EQ(status.checkpoint, "checkpoint-5.safetensors");
}

TEST_F(Board, APauseIsAnsweredWhenItHolds) {
  EXPECT_FALSE(board_.Current().any());
  const Reply first = Pause();
  const Reply second = Pause();
  EXPECT_TRUE(board_.Current().pause);
  EXPECT_EQ(first.count() + second.count(), 0u);
  board_.SetProgress(8, 3, "");
  EXPECT_EQ(first.count() + second.count(), 0u);
  board_.OnPaused();
  EXPECT_TRUE(Told(first, 8));
  EXPECT_TRUE(Told(second, 8));
  EXPECT_EQ(board_.Status().phase, Phase::kPaused);
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, APauseThatHoldsIsAnsweredAtOnce) {
  board_.OnPaused();  // Asked for by another rank.
  EXPECT_TRUE(Told(Pause(), 7));
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, AResumeIsAnsweredWhenTrainingGoesOn) {
  board_.OnPaused();
  const Reply first = Resume();
  const Reply second = Resume();
  EXPECT_TRUE(board_.Current().resume);
  EXPECT_EQ(first.count() + second.count(), 0u);
  board_.OnResumed();
  EXPECT_TRUE(Told(first, 8));
  EXPECT_TRUE(Told(second, 8));
  EXPECT_EQ(board_.Status().phase, Phase::kTraining);
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, AResumeOfWhatIsNotPausedIsAnsweredAtOnce) {
  EXPECT_TRUE(Told(Resume(), 8));
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, AResumeTakesBackAPauseThatNobodyKnowsOf) {
  const Reply first = Pause();
  const Reply second = Pause();
  EXPECT_TRUE(Told(Resume(), 8));
  EXPECT_TRUE(Refused(first, StatusCode::kAborted, "resumed before the pause took effect"));
  EXPECT_TRUE(Refused(second, StatusCode::kAborted, "resumed before the pause took effect"));
  EXPECT_FALSE(board_.Current().any());
  EXPECT_EQ(board_.Status().phase, Phase::kTraining);
}

// The step that runs will end in a pause: saying that training goes on would be wrong.
TEST_F(Board, AResumeEndsAPauseThatIsOnItsWay) {
  const Reply pause = Pause();
  EXPECT_TRUE(board_.Current().pause);  // Into the control vector.
  const Reply resume = Resume();
  EXPECT_TRUE(Refused(pause, StatusCode::kAborted, "resumed before the pause took effect"));
  EXPECT_EQ(resume.count(), 0u);
  board_.SetProgress(8, 3, "");
  board_.OnPaused();
  EXPECT_EQ(resume.count(), 0u);
  EXPECT_TRUE(board_.Current().resume);
  EXPECT_FALSE(board_.Current().pause);
  board_.OnResumed();
  EXPECT_TRUE(Told(resume, 9));
  EXPECT_EQ(pause.count(), 1u);
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, ThatResumeIsOverruledByAPause) {
  Pause();
  EXPECT_TRUE(board_.Current().pause);
  const Reply resume = Resume();
  const Reply again = Pause();
  EXPECT_TRUE(Refused(resume, StatusCode::kAborted, "paused again"));
  EXPECT_EQ(again.count(), 0u);
  board_.OnPaused();
  EXPECT_TRUE(Told(again, 7));
  EXPECT_FALSE(board_.Current().any());  // It stays paused.
}

TEST_F(Board, APauseOverrulesAResumeThatNobodyKnowsOf) {
  board_.OnPaused();
  const Reply first = Resume();
  const Reply second = Resume();
  EXPECT_TRUE(Told(Pause(), 7));
  EXPECT_TRUE(Refused(first, StatusCode::kAborted, "paused again before it took effect"));
  EXPECT_TRUE(Refused(second, StatusCode::kAborted, "paused again before it took effect"));
  EXPECT_FALSE(board_.Current().any());
  EXPECT_EQ(board_.Status().phase, Phase::kPaused);
}

// The run goes on for a step: saying that the pause holds would be wrong.
TEST_F(Board, APauseFollowsAResumeThatIsOnItsWay) {
  board_.OnPaused();
  const Reply resume = Resume();
  EXPECT_TRUE(board_.Current().resume);
  const Reply pause = Pause();
  EXPECT_TRUE(Refused(resume, StatusCode::kAborted, "paused again"));
  EXPECT_EQ(pause.count(), 0u);
  board_.OnResumed();
  EXPECT_EQ(pause.count(), 0u);
  EXPECT_TRUE(board_.Current().pause);
  EXPECT_FALSE(board_.Current().resume);
  board_.SetProgress(8, 3, "");
  board_.OnPaused();
  EXPECT_TRUE(Told(pause, 8));
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(Board, ThatPauseIsTakenBackByAResume) {
  board_.OnPaused();
  Resume();
  EXPECT_TRUE(board_.Current().resume);
  const Reply pause = Pause();
  const Reply again = Resume();
  EXPECT_TRUE(Refused(pause, StatusCode::kAborted, "resumed before"));
  board_.OnResumed();
  EXPECT_TRUE(Told(again, 8));
  EXPECT_FALSE(board_.Current().any());
}

// What was on its way has come: from here on all is as it was.
TEST_F(Board, WhatHasComeIsNotOnItsWay) {
  Pause();
  board_.Current();
  board_.OnPaused();
  Resume();
  board_.Current();
  board_.OnResumed();
  Pause();
  EXPECT_TRUE(Told(Resume(), 8));
  board_.OnPaused();
  Resume();
  EXPECT_TRUE(Told(Pause(), 7));
}

}  // namespace
}  // namespace sluice::service
