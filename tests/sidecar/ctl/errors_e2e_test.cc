// What sluicectl says and exits with when something is wrong: one line, nothing on standard output.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/sidecar/ctl/expect_error.h"
#include "tests/sidecar/ctl/live_sidecar.h"

namespace sluice::ctl {
namespace {

const std::vector<std::vector<std::string>>& EveryCommand() {
  static const auto* const commands = new std::vector<std::vector<std::string>>{
      {"runs"},
      {"get", "a"},
      {"watch", "a"},
      {"history", "a"},
      {"breaker", "show", "a"},
      {"set-threshold", "a", "--layer", "2", "--threshold", "0.5"}};
  return *commands;
}

using CtlErrors = LiveSidecar;

TEST(CtlUsage, IsCheckedBeforeAnythingIsAsked) {
  ExpectError(RunCtl({}), 2, "sluicectl: the command is missing");
  ExpectError(RunCtl({"list"}), 2, "sluicectl: command 'list' is unknown");
  ExpectError(RunCtl({"get"}), 2, "sluicectl get: RUN is missing");
  ExpectError(RunCtl({"runs", "--sidecar", "x"}), 2, "sidecar is 'x', expected HOST:PORT");
  ExpectError(RunCtl({"runs"}, {"SLUICE_SIDECAR=x"}), 2, "(from environment SLUICE_SIDECAR)");
  ExpectError(RunCtl({"runs", "--timeout"}), 2, "--timeout");
  ExpectError(RunCtl({"set-threshold", "a", "--layer", "2", "--threshold", "2"}), 2,
              "sluicectl set-threshold: threshold is '2', expected a number in [0, 1]");
}

TEST(CtlUsage, VersionAndHelpAreNoErrors) {
  const Finished version = RunCtl({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out, "sluicectl " SLUICE_VERSION "\n");
  EXPECT_EQ(RunCtl({"--help"}).code, 0);
  EXPECT_EQ(RunCtl({"watch", "--help"}).code, 0);
}

TEST_F(CtlErrors, AnUnknownRunIsNotFound) {
  for (const auto& command : EveryCommand()) {
    if (command[0] == "runs") continue;
    ExpectError(Ctl(command), 3,
                "sluicectl " + command[0] + ": run 'a' is not known, expected what");
  }
}

TEST_F(CtlErrors, AnUnknownGateLayerIsNotFound) {
  const auto rank = Feed("a", 1);
  ExpectError(Ctl({"set-threshold", "a", "--layer", "9", "--threshold", "0.5"}), 3,
              "run 'a' has no gate layer 9");
}

TEST_F(CtlErrors, AThresholdThatIsNotTheLever) {
  RankClient rank(sidecar_.grpc(), "a");
  v1::WorkerMessage message = rank.Message(0);
  v1::Hello* hello = message.mutable_hello();
  hello->set_instance("i");
  hello->set_world_size(1);
  v1::GateLayer* gate = hello->add_gates();
  gate->set_layer(kLayer);
  gate->set_scorer("head");
  gate->set_policy("budget");
  gate->set_target_rate(0.25);
  ASSERT_TRUE(rank.Send(message));
  EXPECT_TRUE(rank.Finish().ok());  // After this the run is known.
  ExpectError(Ctl({"set-threshold", "a", "--layer", "2", "--threshold", "0.5"}), 1,
              "the gate policy of layer 2 is 'budget', expected 'threshold'");
}

TEST_F(CtlErrors, ASidecarThatIsNotThere) {
  EXPECT_EQ(sidecar_.Terminate(), 0);
  for (const auto& command : EveryCommand()) {
    ExpectError(Ctl(command), 4,
                "sidecar " + sidecar_.grpc() + " is not reachable, expected a sluice-sidecar");
  }
}

TEST_F(CtlErrors, ASidecarThatDoesNotAnswer) {
  ASSERT_EQ(::kill(sidecar_.pid(), SIGSTOP), 0);
  for (auto command : EveryCommand()) {
    command.insert(command.end(), {"--timeout", "0.3"});
    ExpectError(Ctl(command), 4, "did not answer, expected an answer within 0.3 s (--timeout)");
  }
  ASSERT_EQ(::kill(sidecar_.pid(), SIGCONT), 0);
}

TEST_F(CtlErrors, APortThatSpeaksSomethingElse) {
  const Finished done = RunCtl({"runs", "--sidecar", sidecar_.http(), "--timeout", "1"});
  ExpectError(done, 4, "sidecar " + sidecar_.http());
}

TEST_F(CtlErrors, AFullDiskUnderTheOutput) {
  const auto rank = Feed("a", 1);
  for (const auto& command : EveryCommand()) {
    Program ctl(CtlCommand(With(command)), {}, "/dev/full");
    ExpectError(ctl.Wait(), 1, "standard output cannot be written");
  }
}

TEST_F(CtlErrors, AReaderThatHasLeftIsNone) {
  const auto rank = Feed("a", 1);
  for (const auto& command : EveryCommand()) {
    Program ctl(CtlCommand(With(command)));
    ctl.StopReading();
    const Finished done = ctl.Wait();
    EXPECT_EQ(done.code, 0) << command[0];
    EXPECT_EQ(done.err, "");
  }
}

}  // namespace
}  // namespace sluice::ctl
