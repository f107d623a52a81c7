#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/launch/shell.h"
#include "worker/launch/local_ranks.h"

namespace sluice::launch {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RestartTest : public testing::Test {
 protected:
  // Two ranks that run `script` with $OUT, and their arguments as $0 and $1.
  LocalRanksConfig Ranks(const std::string& script, int max_restarts) const {
    LocalRanksConfig config;
    config.nproc = 2;
    config.program = "/bin/sh";
    config.arguments = {"-c", script, "first"};
    config.restart_arguments = {"-c", script, "again"};
    config.environment = {"OUT=" + folder_.Path("out")};
    config.max_restarts = max_restarts;
    config.grace = milliseconds(200);
    config.stop_grace = milliseconds(10000);
    return config;
  }
  std::string Written(const std::string& name) const {
    return ReadFile(folder_.Path(name)).value_or("");
  }
  TemporaryFolder folder_;
};

constexpr char kTellStart[] = "echo $0 $TORCHELASTIC_RESTART_COUNT >> $OUT.$RANK; ";

TEST_F(RestartTest, AKilledRankIsFollowedByANewGroup) {
  const std::string script =
      std::string(kTellStart) +
      "if [ $RANK$TORCHELASTIC_RESTART_COUNT = 11 ]; then kill -9 $$; fi; "
      "if [ $TORCHELASTIC_RESTART_COUNT = 0 ]; then [ $RANK = 0 ] && exit 4; exec sleep 100; fi";
  const absl::Status status = RunLocalRanks(Ranks(script, 2));
  EXPECT_TRUE(status.ok()) << status;
  for (const char* name : {"out.0", "out.1"})
    EXPECT_EQ(Written(name), "first 0\nagain 1\nagain 2\n") << name;
}

TEST_F(RestartTest, AStoppedRankIsKilledWithItsGroup) {
  const std::string script = std::string(kTellStart) +
                             "if [ $TORCHELASTIC_RESTART_COUNT = 1 ]; then exit 0; fi; "
                             "echo $$ > $OUT.pid.$RANK; if [ $RANK = 1 ]; then kill -STOP $$; fi; "
                             // Notices it as a rank does that waits in a collective.
                             "until grep -q '^State:.T' /proc/$(cat $OUT.pid.1)/status; do sleep "
                             "0.02; done 2> /dev/null; exit 1";
  const absl::Status status = RunLocalRanks(Ranks(script, 1));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Written("out.1"), "first 0\nagain 1\n");
  const int stopped = std::stoi("0" + Written("out.pid.1"));
  ASSERT_GT(stopped, 1);
  EXPECT_NE(::kill(stopped, 0), 0) << "it is still there";
}

TEST_F(RestartTest, ItGivesUpWithOneLine) {
  const absl::Status status =
      RunLocalRanks(Ranks(std::string(kTellStart) + "if [ $RANK = 1 ]; then exit 3; fi", 2));
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("rank 1 of 2"), HasSubstr("exited with code 3"),
                    HasSubstr("given up after 2 restarts"), Not(HasSubstr("\n"))));
  EXPECT_EQ(Written("out.1"), "first 0\nagain 1\nagain 2\n");
}

TEST_F(RestartTest, WhatCannotBeStartedIsNotStartedAgain) {
  LocalRanksConfig config = Ranks("", 1000);
  config.program = "/nonexistent";
  EXPECT_TRUE(absl::IsNotFound(RunLocalRanks(config)));
}

TEST_F(RestartTest, NothingIsStartedAfterASignal) {
  const std::string script = std::string("trap 'exit 5' TERM; ") + kTellStart +
                             "if [ $TORCHELASTIC_RESTART_COUNT != 0 ]; then exit 0; fi; "
                             "echo up > $OUT.up.$RANK; while :; do sleep 0.02; done";
  std::thread sender([&] {
    EXPECT_TRUE(WaitUntil([&] {
      return std::filesystem::exists(folder_.Path("out.up.0")) &&
             std::filesystem::exists(folder_.Path("out.up.1"));
    }));
    ::kill(::getpid(), SIGTERM);
  });
  const absl::Status status = RunLocalRanks(Ranks(script, 1000));
  sender.join();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("code 5"), Not(HasSubstr("given up"))));
  EXPECT_EQ(Written("out.0"), "first 0\n");
  EXPECT_EQ(Written("out.1"), "first 0\n");
}

// A rank that has no handler yet would die of the signal. A shell would unblock it.
TEST_F(RestartTest, SignalsAreHeldBackForRanksThatWillUnblockThem) {
  LocalRanksConfig config = Ranks("", 0);
  config.program = "/bin/grep";
  config.arguments = {"-q", "^SigBlk:.*4002$", "/proc/self/status"};
  EXPECT_THAT(std::string(RunLocalRanks(config).message()), HasSubstr("code 1"));
  config.hold_signals = true;
  EXPECT_TRUE(RunLocalRanks(config).ok());
}

}  // namespace
}  // namespace sluice::launch
