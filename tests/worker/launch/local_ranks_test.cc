#include "worker/launch/local_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/launch/shell.h"

namespace sluice::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::AllOf;
using testing::HasSubstr;

LocalRanksConfig Ranks(int nproc, const std::string& script) {
  return {.nproc = nproc,
          .program = "/bin/sh",
          .arguments = {"-c", script},
          .master_port = 29501,
          .threads_per_rank = 1,
          .grace = milliseconds(200),
          .stop_grace = milliseconds(5000)};
}

TEST(LocalRanksTest, EveryRankGetsItsPlace) {
  const TemporaryFolder folder;
  LocalRanksConfig config =
      Ranks(3,
            "echo $RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR $MASTER_PORT "
            "$OMP_NUM_THREADS $MKL_NUM_THREADS $MKL_DYNAMIC $EXTRA > $OUT.$RANK");
  config.environment = {"EXTRA=e", "OUT=" + folder.Path("out")};
  const absl::Status status = RunLocalRanks(config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(*ReadFile(folder.Path("out.0")), "0 0 3 3 127.0.0.1 29501 1 1 FALSE e\n");
  EXPECT_EQ(*ReadFile(folder.Path("out.2")), "2 2 3 3 127.0.0.1 29501 1 1 FALSE e\n");
}

TEST(LocalRanksTest, AFailedRankIsNamedAndItsPeersEndByThemselves) {
  const TemporaryFolder folder;
  // Rank 0 goes on until nothing is left of rank 1: then the launcher has seen its end.
  LocalRanksConfig config =
      Ranks(2,
            "if [ $RANK = 1 ]; then echo $$ > $OUT.part; mv $OUT.part $OUT.pid; exit 3; fi; "
            "until [ -e $OUT.pid ]; do sleep 0.02; done; "
            "while kill -0 $(cat $OUT.pid) 2> /dev/null; do sleep 0.02; done; "
            "echo end > $OUT; exit 1");
  config.grace = seconds(20);
  config.environment = {"OUT=" + folder.Path("out")};
  const absl::Status status = RunLocalRanks(config);
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("rank 1 of 2"), HasSubstr("exited with code 3")));
  EXPECT_EQ(*ReadFile(folder.Path("out")), "end\n");
}

TEST(LocalRanksTest, AKilledRankIsNamedAndAHangingPeerIsEnded) {
  const auto begin = steady_clock::now();
  const absl::Status status =
      RunLocalRanks(Ranks(2, std::string("if [ $RANK = 0 ]; then kill -9 $$; fi; ") + kStubborn));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("rank 0 of 2"), HasSubstr("signal 9 (Killed)")));
  const auto took = steady_clock::now() - begin;
  EXPECT_GE(took, milliseconds(400));  // grace, SIGTERM, grace, SIGKILL
  EXPECT_LT(took, seconds(10));
}

TEST(LocalRanksTest, APeerThatObeysSigtermIsNotKilled) {
  const TemporaryFolder folder;
  LocalRanksConfig config =
      Ranks(2,
            "trap 'echo term > $OUT; exit 0' TERM; if [ $RANK = 1 ]; then exit 7; fi; "
            "while :; do sleep 0.02; done");
  config.environment = {"OUT=" + folder.Path("out")};
  EXPECT_THAT(std::string(RunLocalRanks(config).message()), HasSubstr("code 7"));
  EXPECT_EQ(*ReadFile(folder.Path("out")), "term\n");
}

class ForwardTest : public testing::TestWithParam<std::pair<int, const char*>> {};

TEST_P(ForwardTest, PassesTheSignalToEveryRank) {
  const auto [signal, name] = GetParam();
  const TemporaryFolder folder;
  LocalRanksConfig config =
      Ranks(2, std::string("trap 'echo got > $OUT.got.$RANK; exit 0' ") + name +
                   "; echo up > $OUT.up.$RANK; while :; do sleep 0.02; done");
  config.environment = {"OUT=" + folder.Path("out")};
  std::thread sender([&, signal = signal] {
    const bool up = WaitUntil([&] {
      return std::filesystem::exists(folder.Path("out.up.0")) &&
             std::filesystem::exists(folder.Path("out.up.1"));
    });
    EXPECT_TRUE(up);
    ::kill(::getpid(), signal);
  });
  const absl::Status status = RunLocalRanks(config);
  sender.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*ReadFile(folder.Path("out.got.0")), "got\n");
  EXPECT_EQ(*ReadFile(folder.Path("out.got.1")), "got\n");
}

INSTANTIATE_TEST_SUITE_P(Signals, ForwardTest,
                         testing::Values(std::make_pair(SIGTERM, "TERM"),
                                         std::make_pair(SIGINT, "INT")));

TEST(LocalRanksTest, RanksThatIgnoreTheSignalAreKilledAfterStopGrace) {
  const TemporaryFolder folder;
  LocalRanksConfig config =
      Ranks(2, std::string("trap '' TERM; echo up > $OUT.$RANK; ") + kStubborn);
  config.stop_grace = milliseconds(200);
  config.environment = {"OUT=" + folder.Path("up")};
  std::thread sender([&] {
    EXPECT_TRUE(WaitUntil([&] {
      return std::filesystem::exists(folder.Path("up.0")) &&
             std::filesystem::exists(folder.Path("up.1"));
    }));
    ::kill(::getpid(), SIGTERM);
  });
  const absl::Status status = RunLocalRanks(config);
  sender.join();
  EXPECT_THAT(std::string(status.message()), HasSubstr("signal 9"));
}

TEST(LocalRanksTest, BadConfigurationsAreNamed) {
  EXPECT_TRUE(absl::IsInvalidArgument(RunLocalRanks(Ranks(0, ""))));
  LocalRanksConfig config = Ranks(1, "");
  config.program = "/nonexistent";
  EXPECT_THAT(std::string(RunLocalRanks(config).message()),
              AllOf(HasSubstr("rank 0"), HasSubstr("/nonexistent")));
}

}  // namespace
}  // namespace sluice::launch
