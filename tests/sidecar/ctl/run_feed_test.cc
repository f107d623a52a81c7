#include "sidecar/ctl/run_feed.h"

#include <poll.h>

#include "sidecar/ctl/format.h"
#include "tests/common/says.h"
#include "tests/sidecar/ctl/fake_runs.h"

namespace sluice::ctl {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The next item, waited for by the descriptor as a watch does.
absl::StatusOr<v1::RunState> Next(RunFeed& feed) {
  while (true) {
    if (auto item = feed.Take()) return *std::move(item);
    pollfd wait{feed.descriptor(), POLLIN, 0};
    if (::poll(&wait, 1, 10000) <= 0) return absl::InternalError("nothing came");
  }
}

TEST(CtlRunFeed, EveryUpdateInOrderHoweverManyWait) {
  FakeRuns runs(300);  // Several times what may wait.
  Client client(runs.address(), seconds(10));
  RunFeed feed(&client, "a");
  for (uint64_t step = 1; step <= 300; ++step) {
    const auto state = Next(feed);
    ASSERT_TRUE(state.ok()) << state.status();
    ASSERT_EQ(state->step(), step);
    EXPECT_EQ(state->run(), "a");
  }
  EXPECT_FALSE(feed.Take().has_value());
  pollfd wait{feed.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 0);  // Nothing to take, nothing to read.
}

TEST(CtlRunFeed, ALookFindsTheEndThatTheStreamDoesNotTell) {
  FakeRuns runs(1);
  Client client(runs.address(), seconds(10));
  RunFeed feed(&client, "a");
  EXPECT_FALSE(HasEnded(*Next(feed)));
  runs.EndRun();
  const auto last = Next(feed);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(HasEnded(*last));
}

TEST(CtlRunFeed, AStreamThatEndsIsAnError) {
  FakeRuns runs(0);
  Client client(runs.address(), seconds(10));
  RunFeed feed(&client, "a");
  runs.EndWatch();
  EXPECT_TRUE(Says(Next(feed).status(), StatusCode::kUnavailable, {"the sidecar ended the watch"}));
}

TEST(CtlRunFeed, ASidecarThatHangsIsAnError) {
  FakeRuns runs(0);
  runs.Hang();
  Client client(runs.address(), milliseconds(200));
  RunFeed feed(&client, "a");
  EXPECT_TRUE(Says(Next(feed).status(), StatusCode::kDeadlineExceeded, {"within 0.2 s"}));
}

// Neither the watch nor a look under way, nor a queue that is full, holds up the end.
TEST(CtlRunFeed, ItsEndCancelsWhatIsUnderWay) {
  FakeRuns runs(300);
  runs.Hang();
  Client client(runs.address(), seconds(8));
  const auto start = std::chrono::steady_clock::now();
  {
    RunFeed feed(&client, "a");
    ASSERT_TRUE(Next(feed).ok());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(4));
}

}  // namespace
}  // namespace sluice::ctl
