#include "sidecar/ctl/worker_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

TEST(CtlWorkerFormat, Status) {
  v1::GetStatusResponse status;
  status.set_run("a");
  status.set_rank(3);
  status.set_world_size(4);
  status.set_phase(v1::PHASE_EVALUATING);
  status.set_step(12);
  status.set_total_steps(400);
  status.set_directive_version(5);
  status.set_checkpoint("checkpoint-10.safetensors");
  EXPECT_EQ(WorkerText(status),
            "run         a\n"
            "rank        3 of 4\n"
            "phase       evaluating\n"
            "step        12 of 400\n"
            "directive   5\n"
            "checkpoint  checkpoint-10.safetensors\n");
}

TEST(CtlWorkerFormat, EveryPhaseAndOneThatIsNewer) {
  const std::pair<v1::Phase, std::string> phases[] = {
      {v1::PHASE_UNSPECIFIED, "unspecified"}, {v1::PHASE_STARTING, "starting"},
      {v1::PHASE_TRAINING, "training"},       {v1::PHASE_EVALUATING, "evaluating"},
      {v1::PHASE_PAUSED, "paused"},           {v1::PHASE_DRAINING, "draining"},
      {static_cast<v1::Phase>(99), "99"}};
  for (const auto& [phase, name] : phases) {
    v1::GetStatusResponse status;
    status.set_phase(phase);
    EXPECT_THAT(WorkerText(status), HasSubstr("\nphase       " + name + "\n"));
    EXPECT_THAT(WorkerText(status), HasSubstr("\ncheckpoint  none\n"));
  }
}

TEST(CtlWorkerFormat, Answers) {
  v1::PauseResponse pause;
  pause.set_step(18446744073709551615u);
  EXPECT_EQ(WorkerText(pause), "paused after step 18446744073709551615\n");
  v1::ResumeResponse resume;
  resume.set_step(8);
  EXPECT_EQ(WorkerText(resume), "goes on with step 8\n");
  v1::SaveCheckpointResponse save;
  save.set_step(8);
  save.set_name("c");
  EXPECT_EQ(WorkerText(save), "saved c after step 8\n");
  v1::DrainResponse drain;
  drain.set_last_step(9);
  EXPECT_EQ(WorkerText(drain), "ends after step 9\n");
}

TEST(CtlWorkerFormat, TextOfOthersStaysOnItsLine) {
  v1::GetStatusResponse status;
  status.set_run("a\nphase  none");
  status.set_checkpoint("c\x1b[2J\n");
  const std::string text = WorkerText(status);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  v1::SaveCheckpointResponse save;
  save.set_name("c\nd");
  EXPECT_EQ(WorkerText(save), "saved c d after step 0\n");
}

}  // namespace
}  // namespace sluice::ctl
