#include "sidecar/ctl/watch_loop.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "tests/common/says.h"
#include "tests/sidecar/ctl/fake_runs.h"

namespace sluice::ctl {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// A watch in this process. Its end signal is SIGUSR1, blocked in this thread.
class CtlWatchLoop : public ::testing::Test {
 protected:
  CtlWatchLoop() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGUSR1);
    EXPECT_EQ(::pthread_sigmask(SIG_BLOCK, &signals_, &before_), 0);
    arguments_.run = "a";
  }
  ~CtlWatchLoop() override {
    const timespec now{};
    while (::sigtimedwait(&signals_, nullptr, &now) > 0) continue;  // Not left for the next test.
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    std::fclose(file_);
  }
  absl::Status Watch(FakeRuns& runs) {
    Client client(runs.address(), seconds(10));
    return WatchRun(arguments_, signals_, &client, &output_);
  }
  std::string Printed() {
    std::rewind(file_);
    char buffer[65536];
    return std::string(buffer, std::fread(buffer, 1, sizeof(buffer), file_));
  }
  sigset_t signals_;
  sigset_t before_;
  Arguments arguments_;
  std::FILE* const file_ = std::tmpfile();
  Output output_{file_};
};

TEST_F(CtlWatchLoop, EndsAfterItsCount) {
  FakeRuns runs(5);
  arguments_.count = 3;
  EXPECT_TRUE(Watch(runs).ok());
  const std::string text = Printed();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);  // A header and three updates.
  EXPECT_THAT(text, HasSubstr("live          3 "));
  EXPECT_THAT(text, Not(HasSubstr("live          4 ")));
}

TEST_F(CtlWatchLoop, EndsWithTheRun) {
  FakeRuns runs(1);
  runs.EndRun();
  arguments_.json = true;
  EXPECT_TRUE(Watch(runs).ok());
  EXPECT_THAT(Printed(), HasSubstr("\"ended\":true"));
}

TEST_F(CtlWatchLoop, EndsAtASignalInGoodOrder) {
  FakeRuns runs(0);  // Nothing comes of itself.
  ASSERT_EQ(::pthread_kill(::pthread_self(), SIGUSR1), 0);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(Watch(runs).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(4));
  EXPECT_EQ(Printed(), "");
}

TEST_F(CtlWatchLoop, AnErrorOfTheSidecarEndsIt) {
  FakeRuns runs(0);
  runs.EndWatch();
  EXPECT_TRUE(Says(Watch(runs), absl::StatusCode::kUnavailable, {"the sidecar ended the watch"}));
}

TEST_F(CtlWatchLoop, TheSignalsOfAnOrderlyEndAreBlocked) {
  const sigset_t blocked = BlockEndSignals();
  sigset_t now;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &now), 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    EXPECT_EQ(sigismember(&blocked, signal), 1);
    EXPECT_EQ(sigismember(&now, signal), 1);
  }
  EXPECT_EQ(sigismember(&blocked, SIGQUIT), 0);
}

}  // namespace
}  // namespace sluice::ctl
