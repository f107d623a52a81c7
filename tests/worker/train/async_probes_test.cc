// The process itself is a script here, which fails as it is told to; the real one runs in
// probe_async_e2e_test.
#include "worker/train/async_probes.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/train/one_rank.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::train {
namespace {

using testing::OneRank;

std::string Answers(uint64_t step) {
  return absl::StrCat("echo '", AnswerToJson({step, 0.5, {{"old", 10, 0.5, 0.1, 0.75, 0.4}}}),
                      "'\n");
}

class AsyncProbesTest : public ::testing::Test {
 protected:
  // What the process is: a script, which leaves its arguments and its id behind.
  void Script(const std::string& body) {
    ASSERT_TRUE(WriteFileAtomically(Path("program"),
                                    absl::StrCat("#!/bin/sh\necho \"$@\" >>'", Path("arguments"),
                                                 "'\necho $$ >'", Path("pid"), "'\n", body))
                    .ok());
    std::filesystem::permissions(Path("program"), std::filesystem::perms::owner_all);
  }
  std::string Path(const std::string& name) const { return folder_.Path(name); }
  AsyncProbesOptions Options() const {
    AsyncProbesOptions options;
    options.program = Path("program");
    options.snapshot = Path("handed/over.safetensors");
    options.legacy.folder = "some folder";
    options.legacy.probe_threads = 3;
    options.legacy.probe_deadline = 60.0;
    options.eval_batch = 17;
    return options;
  }
  bool Start(AsyncProbes& probes, uint64_t step) {
    checkpoint::TrainState state;
    state.step = step;
    return probes.Start(state, CheckpointTensors(rank_.assembly));
  }
  // What the check under way comes to; nothing if it is lost.
  static std::optional<ProbeAnswer> Outcome(AsyncProbes& probes) {
    std::optional<ProbeAnswer> answer;
    EXPECT_TRUE(WaitUntil(
        [&] {
          answer = probes.Poll();
          return !probes.is_busy();
        },
        std::chrono::seconds(30)));
    return answer;
  }
  bool ProcessRuns() const {
    const absl::StatusOr<std::string> pid = ReadFile(Path("pid"));
    return pid.ok() && ::kill(std::stoi(*pid), 0) == 0;
  }

  TemporaryFolder folder_;
  OneRank rank_{testing::SmallRun("unused", 1)};
};

TEST_F(AsyncProbesTest, OneProcessAnswersEveryCheck) {
  Script(Answers(7) + "while read path; do echo \"$path\" >>'" + Path("asked") + "'\n" +
         Answers(9) + "done");
  AsyncProbes probes(Options());
  EXPECT_FALSE(probes.is_busy());
  EXPECT_FALSE(probes.Poll().has_value());
  ASSERT_TRUE(Start(probes, 7));
  EXPECT_TRUE(probes.is_busy());
  EXPECT_FALSE(Start(probes, 8)) << "one at a time";
  std::optional<ProbeAnswer> answer = Outcome(probes);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->step, 7u);
  EXPECT_EQ(answer->findings[0].loss, 0.5);
  ASSERT_TRUE(Start(probes, 9));
  answer = Outcome(probes);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->step, 9u);
  EXPECT_EQ(ReadFile(Path("asked")).value_or(""), Options().snapshot + "\n");
  EXPECT_EQ(
      ReadFile(Path("arguments")).value_or(""),
      absl::StrCat(
          "probe --follow --model.init=", Options().snapshot,
          " --legacy.folder=some folder --train.threads=3 --eval.batch=17 "
          "--device=cpu --probe.every=0 --probe.async=false --rehearsal.share=0 --ewc.lambda=0\n"))
      << "started once";
}

TEST_F(AsyncProbesTest, WeightsAreThoseOfTheStepWhateverIsTrainedMeanwhile) {
  Script("exec sleep 1000");
  const torch::Tensor weight = rank_.assembly.model->vit()->head->weight;
  const torch::Tensor then = weight.detach().clone();
  AsyncProbes probes(Options());
  ASSERT_TRUE(Start(probes, 7));
  {
    const torch::NoGradGuard no_graph;
    torch::Tensor(weight).add_(1.0);
  }
  ASSERT_TRUE(WaitUntil([&] { return probes.Poll() || ReadFile(Path("pid")).ok(); },
                        std::chrono::seconds(30)));
  const auto file = tensors::SafetensorsFile::Open(Options().snapshot);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(checkpoint::LoadState(*file, "")->step, 7u);
  OneRank other(testing::SmallRun("unused", 1));
  checkpoint::TrainTensors tensors;
  tensors.model = CheckpointTensors(other.assembly).model;
  ASSERT_TRUE(checkpoint::LoadTensors(*file, tensors).ok());
  EXPECT_TRUE(other.assembly.model->vit()->head->weight.equal(then));
  EXPECT_FALSE(file->Contains("optimizer.m.head.weight"));
}

TEST_F(AsyncProbesTest, WhatDiesIsStartedAgainForTheNextCheck) {
  Script("if [ ! -e '" + Path("second") + "' ]; then touch '" + Path("second") +
         "'; kill -9 $$; fi\n" + Answers(9) + "read path");
  AsyncProbes probes(Options());
  ASSERT_TRUE(Start(probes, 7));
  EXPECT_FALSE(Outcome(probes).has_value());
  ASSERT_TRUE(Start(probes, 9));
  EXPECT_TRUE(Outcome(probes).has_value());
  // And between two checks: its death may be noticed only by the check.
  ASSERT_EQ(::kill(std::stoi(ReadFile(Path("pid")).value_or("0")), SIGKILL), 0);
  EXPECT_TRUE(WaitUntil([&] { return Start(probes, 9) && Outcome(probes).has_value(); }));
}

TEST_F(AsyncProbesTest, WhatDoesNotAnswerInTimeIsEnded) {
  Script("exec sleep 1000");
  AsyncProbesOptions options = Options();
  options.legacy.probe_deadline = 0.2;
  AsyncProbes probes(options);
  ASSERT_TRUE(Start(probes, 7));
  EXPECT_FALSE(Outcome(probes).has_value());
  EXPECT_FALSE(ProcessRuns());
}

TEST_F(AsyncProbesTest, NonsenseAndAnotherStepsAnswerAreNotTaken) {
  for (const std::string& said : {std::string("echo hello"), Answers(6)}) {
    Script(said + "\nexec sleep 1000");
    AsyncProbes probes(Options());
    ASSERT_TRUE(Start(probes, 7));
    EXPECT_FALSE(Outcome(probes).has_value());
    EXPECT_FALSE(ProcessRuns());
  }
}

TEST_F(AsyncProbesTest, AProgramOrFolderThatCannotBeUsedLosesTheCheck) {
  AsyncProbes missing(Options());  // There is no script.
  ASSERT_TRUE(Start(missing, 7));
  EXPECT_FALSE(Outcome(missing).has_value());
  Script(Answers(7));
  AsyncProbesOptions options = Options();
  options.snapshot = Path("program") + "/is/no/folder";
  AsyncProbes unwritable(options);
  ASSERT_TRUE(Start(unwritable, 7));
  EXPECT_FALSE(Outcome(unwritable).has_value());
}

TEST_F(AsyncProbesTest, TheDestructorLeavesNoProcess) {
  Script(Answers(7) + "exec sleep 1000");
  {
    AsyncProbes probes(Options());
    ASSERT_TRUE(Start(probes, 7));
    ASSERT_TRUE(Outcome(probes).has_value());
    EXPECT_TRUE(ProcessRuns());
  }
  EXPECT_FALSE(ProcessRuns());
}

}  // namespace
}  // namespace sluice::train
