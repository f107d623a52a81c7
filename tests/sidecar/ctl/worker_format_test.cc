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

TEST(CtlWorkerFormat, StatusOfTheRankThatTakesImages) {
  v1::GetStatusResponse status;
  v1::IngestState& ingest = *status.mutable_ingest();
  ingest.set_images(7);
  ingest.set_most_images(1000);
  ingest.set_bytes(5000);
  ingest.set_most_bytes(90000);
  ingest.set_epoch(3);
  ingest.set_epoch_images(6);
  EXPECT_THAT(WorkerText(status), HasSubstr("\nanswers     none\n"));
  for (const auto& [answer, images] :
       {std::pair(v1::INGEST_STATUS_STORED, 7), std::pair(v1::INGEST_STATUS_TOO_LARGE, 2)}) {
    ingest.add_answers()->set_status(answer);
    ingest.mutable_answers(ingest.answers_size() - 1)->set_images(static_cast<uint64_t>(images));
  }
  EXPECT_THAT(WorkerText(status),
              HasSubstr("\ningested    7 of at most 1000 images, 5000 of at most 90000 bytes; 6 in "
                        "epoch 3\nanswers     stored 7, too_large 2\n"));
  EXPECT_EQ(IngestStatusName(static_cast<v1::IngestStatus>(99)), "99");
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
