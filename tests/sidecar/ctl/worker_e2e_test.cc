// `sluicectl worker` against the real service of a rank.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>

#include "sluice/v1/runs.grpc.pb.h"
#include "sluice/v1/worker.grpc.pb.h"
#include "tests/sidecar/ctl/expect_error.h"
#include "tests/sidecar/ctl/from_json.h"
#include "tests/sidecar/ctl/live_worker.h"
#include "tests/sidecar/ctl/local_server.h"
#include "tests/worker/service/captured_log.h"

namespace sluice::ctl {
namespace {

using google::protobuf::util::MessageDifferencer;
using std::chrono::seconds;
using ::testing::MatchesRegex;

const std::vector<std::string>& EveryAction() {
  static const auto* const actions =
      new std::vector<std::string>{"status", "pause", "resume", "checkpoint", "drain"};
  return *actions;
}

using CtlWorker = LiveWorker;

TEST_F(CtlWorker, Status) {
  EXPECT_EQ(Out("status"),
            "run         a\n"
            "rank        1 of 2\n"
            "phase       training\n"
            "step        7 of 1000000\n"
            "directive   3\n"
            "checkpoint  none\n");
  v1::GetStatusResponse expected;
  expected.set_run("a");
  expected.set_rank(1);
  expected.set_world_size(2);
  expected.set_phase(v1::PHASE_TRAINING);
  expected.set_step(7);
  expected.set_total_steps(1000000);
  expected.set_directive_version(3);
  const std::string json = Out("status", {"--json"});
  EXPECT_TRUE(MessageDifferencer::Equals(FromJson<v1::GetStatusResponse>(json), expected)) << json;
  EXPECT_THAT(json, ::testing::HasSubstr("\"phase\":\"PHASE_TRAINING\""));
}

TEST_F(CtlWorker, PauseAndResume) {
  Train();
  std::string paused;
  {
    const service::CapturedLog log;
    paused = Out("pause", {"--reason", "a look at it"});
    EXPECT_THAT(log.text(), ::testing::HasSubstr(": 'a look at it'\n"));
  }
  EXPECT_EQ(board_.Status().phase, service::Phase::kPaused);
  EXPECT_EQ(paused, "paused after step " + Step() + "\n");
  EXPECT_EQ(Out("pause", {"--json"}), "{\"step\":\"" + Step() + "\"}\n");
  EXPECT_THAT(Out("status"), ::testing::HasSubstr("phase       paused\n"));
  const std::string next = std::to_string(board_.Status().step + 1);
  EXPECT_EQ(Out("resume"), "goes on with step " + next + "\n");
  EXPECT_NE(board_.Status().phase, service::Phase::kPaused);
  // Of what goes on already.
  EXPECT_THAT(Out("resume", {"--json"}), MatchesRegex("\\{\"step\":\"[0-9]+\"\\}\n"));
}

TEST_F(CtlWorker, Checkpoint) {
  Train();
  Out("pause");
  const std::string name = "checkpoint-" + Step() + ".safetensors";
  EXPECT_EQ(Out("checkpoint"), "saved " + name + " after step " + Step() + "\n");
  EXPECT_EQ(Out("checkpoint", {"--json"}),
            "{\"step\":\"" + Step() + "\",\"name\":\"" + name + "\"}\n");
  EXPECT_THAT(Out("status"), ::testing::HasSubstr("checkpoint  " + name + "\n"));
}

TEST_F(CtlWorker, DrainAndWhatIsRefusedAfterIt) {
  Train();
  const std::string drained = Out("drain");
  EXPECT_EQ(drained, "ends after step " + Step() + "\n");
  EXPECT_THAT(Out("status"), ::testing::HasSubstr("phase       draining\n"));
  for (const std::string& action : EveryAction()) {
    if (action == "status") continue;
    ExpectError(Ctl(action), 1, "sluicectl worker: worker " + address_ + ": the run is ending\n");
  }
}

TEST_F(CtlWorker, DrainAsJson) {
  Train();
  const std::string drained = Out("drain", {"--json"});
  EXPECT_EQ(drained, "{\"last_step\":\"" + Step() + "\"}\n");
}

TEST_F(CtlWorker, APauseThatIsOverruledSaysSo) {
  Program pause(CtlCommand(With("pause")));
  board_.AwaitWish(seconds(20));
  EXPECT_EQ(Out("resume"), "goes on with step 8\n");
  ExpectError(pause.Wait(), 1, "worker " + address_ + ": resumed before the pause took effect\n");
}

TEST_F(CtlWorker, ARunThatEndsFirstSaysSo) {
  Program pause(CtlCommand(With("pause")));
  board_.AwaitWish(seconds(20));
  board_.Close();
  ExpectError(pause.Wait(), 4, "the run has ended\n");
}

TEST_F(CtlWorker, AWorkerThatDoesNotObeyInTime) {
  for (const std::string action : {"pause", "checkpoint", "drain"}) {
    const auto start = std::chrono::steady_clock::now();
    ExpectError(Ctl(action, {"--timeout", "0.3"}), 4,
                "sluicectl worker: worker " + address_ +
                    " did not answer, expected an answer within 0.3 s (--timeout)\n");
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(4));
  }
}

TEST_F(CtlWorker, AWorkerThatIsNotThere) {
  server_.reset();
  for (const std::string& action : EveryAction()) {
    ExpectError(Ctl(action), 4,
                "sluicectl worker: worker " + address_ +
                    " is not reachable, expected a sluice-worker there: ");
  }
}

TEST_F(CtlWorker, AServerWithoutThisService) {
  v1::Runs::Service runs;
  const LocalServer server(&runs);
  address_ = server.address();
  for (const std::string& action : EveryAction()) {
    ExpectError(Ctl(action), 1,
                "worker " + address_ +
                    " does not know this call, expected service "
                    "sluice.v1.Worker\n");
  }
}

TEST_F(CtlWorker, UsageIsCheckedBeforeAnythingIsAsked) {
  ExpectError(RunCtl({"worker"}), 2, "sluicectl worker: ACTION is missing, expected one of status");
  ExpectError(RunCtl({"worker", "stop", address_}), 2, "sluicectl worker: ACTION is 'stop'");
  ExpectError(RunCtl({"worker", "pause"}), 2, "sluicectl worker: ADDRESS is missing");
  ExpectError(RunCtl({"worker", "pause", "here"}), 2, "ADDRESS is 'here', expected HOST:PORT");
  ExpectError(Ctl("pause", {"twice"}), 2, "argument 'twice' is unknown");
  ExpectError(Ctl("pause", {"--reason", std::string(257, 'r')}), 2, "at most 256 bytes");
  ExpectError(Ctl("drain", {"--reason", "x"}), 2, "reason is 'x', expected none");
  EXPECT_FALSE(board_.Current().any());
}

TEST_F(CtlWorker, TheSidecarIsNotAsked) {
  // The worker's own option of this name may be `spawn` or `off`.
  const Finished done = RunCtl(With("status"), {"SLUICE_SIDECAR=spawn"});
  EXPECT_EQ(done.code, 0) << done.err;
}

TEST_F(CtlWorker, AFullDiskUnderTheOutput) {
  Train();
  for (const std::string& action : EveryAction()) {
    Program ctl(CtlCommand(With(action)), {}, "/dev/full");
    ExpectError(ctl.Wait(), 1, "standard output cannot be written");
  }
}

}  // namespace
}  // namespace sluice::ctl
