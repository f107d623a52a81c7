// `sluicectl watch`: all the ways in which it goes on and ends.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/sidecar/ctl/live_sidecar.h"

namespace sluice::ctl {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CtlWatch : public LiveSidecar {
 protected:
  // Watches run `a`.
  std::unique_ptr<Program> Watch(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"watch", "a"});
    return std::make_unique<Program>(CtlCommand(With(std::move(more))));
  }
  // The next line, which must come.
  static std::string Line(Program& watch) {
    const std::optional<std::string> line = watch.ReadLine();
    if (!line.has_value()) {
      watch.Signal(SIGKILL);
      ADD_FAILURE() << "no line, but '" << watch.Wait().err << "'";
    }
    return line.value_or("");
  }
  static void ExpectQuietEnd(Program& watch) {
    const Finished done = watch.Wait();
    EXPECT_EQ(done.code, 0);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err, "");
  }
  void SetThreshold(const std::string& threshold) {
    EXPECT_EQ(Ctl({"set-threshold", "a", "--layer", "2", "--threshold", threshold}).code, 0);
  }
};

TEST_F(CtlWatch, ALinePerUpdateUntilTheRunEnds) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch();
  EXPECT_THAT(Line(*watch), StartsWith("STATE      STEP  LIVE  LOST  THRESHOLD@2  RATE@2"));
  EXPECT_THAT(Line(*watch), StartsWith("live         10     1     0"));
  SetThreshold("0.45");
  const std::string by_hand = Line(*watch);
  EXPECT_THAT(by_hand, HasSubstr("0.4500   0.400  0.5000"));
  EXPECT_THAT(by_hand, HasSubstr("set by hand"));
  for (uint64_t s = 11; s <= 20; ++s) rank->Send(s, s);
  EXPECT_THAT(Line(*watch), StartsWith("live         20     1     0"));
  // The run ends between two windows, which the stream does not tell.
  End("a", 20, rank.get());
  EXPECT_THAT(Line(*watch), AnyOf(StartsWith("ended        20     0     0"),
                                  StartsWith("ended        20     1     0")));
  ExpectQuietEnd(*watch);
}

TEST_F(CtlWatch, ARunThatHasEndedIsShownOnce) {
  const auto rank = Feed("a", 10);
  End("a", 10, rank.get());
  const auto watch = Watch({"--json"});
  EXPECT_TRUE(FromJson<v1::RunState>(Line(*watch) + "\n").ranks(0).ended());
  ExpectQuietEnd(*watch);
}

TEST_F(CtlWatch, CountLimitsUpdatesAndJsonIsALineEach) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch({"--json", "--count", "2"});
  EXPECT_EQ(FromJson<v1::RunState>(Line(*watch) + "\n").step(), 10u);
  SetThreshold("0.5");
  const auto state = FromJson<v1::RunState>(Line(*watch) + "\n");
  EXPECT_EQ(state.layers(0).threshold(), 0.5);
  ExpectQuietEnd(*watch);
}

TEST_F(CtlWatch, AnInterruptIsAnOrderlyEnd) {
  const auto rank = Feed("a", 10);
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto watch = Watch({"--json"});
    Line(*watch);
    watch->Signal(signal);
    ExpectQuietEnd(*watch);
  }
}

TEST_F(CtlWatch, AReaderThatLeavesEndsItAtOnce) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch();
  Line(*watch);
  Line(*watch);
  watch->StopReading();  // No further update comes.
  ExpectQuietEnd(*watch);
}

TEST_F(CtlWatch, ASidecarThatDiesIsNotReachable) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch({"--json"});
  Line(*watch);
  const std::string address = sidecar_.grpc();
  sidecar_.Kill();
  const Finished done = watch->Wait();
  EXPECT_EQ(done.code, 4);
  EXPECT_THAT(done.err, StartsWith("sluicectl watch: sidecar " + address + " is not reachable"));
}

TEST_F(CtlWatch, ASidecarThatHangsIsNoticed) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch({"--json", "--timeout", "1"});
  Line(*watch);
  ASSERT_EQ(::kill(sidecar_.pid(), SIGSTOP), 0);
  const Finished done = watch->Wait();
  ASSERT_EQ(::kill(sidecar_.pid(), SIGCONT), 0);
  EXPECT_EQ(done.code, 4);
  EXPECT_THAT(done.err, HasSubstr("did not answer, expected an answer within 1 s"));
}

TEST_F(CtlWatch, ASidecarThatStopsSaysSo) {
  const auto rank = Feed("a", 10);
  const auto watch = Watch({"--json"});
  Line(*watch);
  EXPECT_EQ(sidecar_.Terminate(), 0);
  const Finished done = watch->Wait();
  EXPECT_EQ(done.code, 4);
  EXPECT_THAT(done.err, StartsWith("sluicectl watch: sidecar "));
}

}  // namespace
}  // namespace sluice::ctl
