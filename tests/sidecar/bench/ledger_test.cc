#include "sidecar/bench/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/wire/message.h"
#include "sidecar/wire/run_state.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kRanks = 3;

// Ranks of a load that speak to an engine; what is dropped or changed on the way is the test's.
class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      ranks_.emplace_back("r", rank, &state_);
      sinks_.push_back(std::make_shared<testing::FakeSink>());
      Pass(rank, *ranks_[rank].Next());
      v1::SidecarMessage reply;
      reply.mutable_hello_reply()->set_lease_epoch(1);
      ranks_[rank].Hear(reply);
    }
  }
  void Pass(uint32_t rank, const v1::WorkerMessage& message) {
    bench_.Apply(StreamMessage{sinks_[rank], *MessageFromProto(message)});
  }
  // One step of all ranks; `lost` loses its snapshot.
  void Step(uint32_t lost = kRanks) {
    ++state_.allowed;
    for (uint32_t rank = 0; rank < kRanks; ++rank) {
      const v1::WorkerMessage* message = ranks_[rank].Next();
      if (rank != lost) Pass(rank, *message);
    }
  }
  LoadDone Done() {
    LoadDone done(kRanks);
    for (const LoadRank& rank : ranks_) done.Add(rank);
    return done;
  }
  std::string RunSays() {
    v1::RunState run;
    RunStateToProto(*bench_.View(), false, &run);
    return std::string(CompareRun(run, Done()).message());
  }
  std::string WindowsSay() {
    v1::GetHistoryResponse history;
    for (const auto& window : *bench_.View()->history) {
      WindowToProto(*window, history.add_windows());
    }
    return std::string(CompareWindows(history, Done()).message());
  }

  LoadState state_{kRanks, UINT64_MAX};
  testing::Bench bench_;
  std::vector<LoadRank> ranks_;
  std::vector<std::shared_ptr<testing::FakeSink>> sinks_;
};

TEST_F(LedgerTest, WhatTheRanksHaveDone) {
  EXPECT_EQ(RunSays(), "");
  EXPECT_EQ(WindowsSay(), "");
  for (int step = 0; step < 47; ++step) Step();
  EXPECT_EQ(bench_.View()->history->size(), 4u);
  EXPECT_EQ(RunSays(), "");
  EXPECT_EQ(WindowsSay(), "");
}

TEST_F(LedgerTest, ASnapshotLostInsideAWindowIsMadeUpForByTheNext) {
  for (int step = 1; step <= 40; ++step) Step(step == 15 ? 1 : kRanks);
  EXPECT_EQ(RunSays(), "");
  EXPECT_EQ(WindowsSay(), "");
}

TEST_F(LedgerTest, ASnapshotLostAtAWindowsEndShows) {
  for (int step = 1; step <= 40; ++step) Step(step == 20 ? 1 : kRanks);
  EXPECT_EQ(RunSays(), "") << "the counters are cumulative";
  EXPECT_THAT(WindowsSay(), HasSubstr("the window of steps 11 to 20 has coverage 1 and a mean"));
}

TEST_F(LedgerTest, TheLastSnapshotLostShows) {
  for (int step = 1; step <= 47; ++step) Step(step == 47 ? 2 : kRanks);
  EXPECT_THAT(RunSays(), HasSubstr("the ledger has 140 steps, the ranks have done 141"));
}

TEST_F(LedgerTest, AWindowThatIsNotClosedShows) {
  for (int step = 1; step <= 30; ++step) Step(step == 30 ? 2 : kRanks);
  EXPECT_THAT(WindowsSay(), HasSubstr("the last window ends at step 20, all ranks have reached"));
}

TEST_F(LedgerTest, AWindowWithoutARankShows) {
  for (int step = 1; step <= 30; ++step) Step(0);
  EXPECT_THAT(WindowsSay(), HasSubstr("has coverage"));
}

TEST_F(LedgerTest, ADoubledCounterShows) {
  state_.allowed = 1;
  for (uint32_t rank = 0; rank < kRanks; ++rank) {
    v1::WorkerMessage message = *ranks_[rank].Next();
    v1::Counters* counters = message.mutable_snapshot()->mutable_counters();
    if (rank == 1) counters->set_images_skipped(2 * counters->images_skipped());
    Pass(rank, message);
  }
  EXPECT_THAT(RunSays(), HasSubstr("other counters are not"));
}

TEST_F(LedgerTest, ARankAtTheWrongStepOrNoneShows) {
  for (int step = 1; step <= 5; ++step) Step();
  v1::RunState run;
  RunStateToProto(*bench_.View(), false, &run);
  run.mutable_ranks(2)->set_step(6);
  EXPECT_THAT(std::string(CompareRun(run, Done()).message()),
              HasSubstr("the ledger has rank 2 at step 6, it is at 5"));
  run.mutable_ranks()->RemoveLast();
  EXPECT_THAT(std::string(CompareRun(run, Done()).message()),
              HasSubstr("has 2 ranks, there are 3"));
}

TEST_F(LedgerTest, AMissingWindowShows) {
  for (int step = 1; step <= 30; ++step) Step();
  v1::GetHistoryResponse history;
  for (const auto& window : *bench_.View()->history) WindowToProto(*window, history.add_windows());
  history.mutable_windows()->erase(history.mutable_windows()->begin() + 1);
  EXPECT_THAT(std::string(CompareWindows(history, Done()).message()),
              HasSubstr("no window begins after step 10, the next at 21"));
}

TEST(CheckLedger, WithoutASidecarItIsUnavailable) {
  EXPECT_EQ(CheckLedger("127.0.0.1:1", "r", LoadDone(1)).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace sluice::sidecar
