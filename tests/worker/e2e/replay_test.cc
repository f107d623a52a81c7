// sluice-worker replay: a run that was stopped and had a live sidecar, trained once more under its
// decision log.
#include <gtest/gtest.h>

#include "tests/worker/e2e/worker_process.h"
#include "worker/telemetry/decision_log.h"

namespace sluice::e2e {
namespace {

// What `sluice-worker replay LOG` prints; its exit status goes to `exit`.
std::string Replay(const std::string& log, launch::ExitStatus& exit) {
  launch::ChildOptions child;
  child.program = launch::SiblingProgram("sluice-worker").value();
  child.arguments = {"replay", log};
  child.capture_stdout = true;
  child.stderr_file = log + ".replay";
  auto process = launch::ChildProcess::Start(child);
  EXPECT_TRUE(process.ok()) << process.status();
  std::string printed;
  for (auto line = process->ReadLine(std::chrono::minutes(2)); line.ok();
       line = process->ReadLine(std::chrono::minutes(2))) {
    printed += *line + "\n";
  }
  exit = process->Wait(std::chrono::minutes(1)).value_or(launch::ExitStatus{});
  return printed + ReadFile(child.stderr_file).value_or("");
}

Options TinyRun(const std::string& folder, const std::string& steps) {
  return With(SmallRun(folder), {{"model.dim", "16"},
                                 {"model.depth", "2"},
                                 {"model.heads", "1"},
                                 {"train.batch", "8"},
                                 {"train.steps", steps},
                                 {"data.train_subset", "first:128"}});
}

TEST(Replay, FiveHundredStepsAreTheSameToTheBit) {
  const std::string folder = FreshFolder("run"), log = folder + "/decisions.jsonl";
  const Options options = TinyRun(folder, "500");
  Outcome outcome = RunWorker("train", With(options, {{"stop_after", "210"}}), folder + "/log1");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  outcome = RunWorker("train", With(options, {{"resume", "true"}}), folder + "/log2");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const auto entries = telemetry::ReadDecisionLog(log);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_GE(entries->size(), 2u);
  // A decision that was agreed on in the last step took effect in none.
  const size_t decisions = entries->size() - (entries->back().step > 500 ? 1 : 0);
  launch::ExitStatus exit;
  const std::string printed = Replay(log, exit);
  EXPECT_TRUE(exit.ok()) << printed;
  EXPECT_NE(printed.find("replayed 500 steps, " + std::to_string(decisions) +
                         " decisions: identical to the bit\n"),
            std::string::npos)
      << printed;
  EXPECT_FALSE(std::filesystem::exists(folder + "/replay"));
}

TEST(Replay, WhatDiffersIsNamed) {
  const std::string folder = FreshFolder("run"), log = folder + "/decisions.jsonl";
  // With random scores every threshold opens another set.
  const Outcome outcome =
      RunWorker("train", With(TinyRun(folder, "60"), {{"gate.scorer", "random"}}), folder + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const std::string losses = ReadFile(folder + "/losses.f64").value_or("");
  ASSERT_EQ(losses.size(), 60 * sizeof(double));
  std::string changed = losses;
  changed[16 * sizeof(double)] = static_cast<char>(changed[16 * sizeof(double)] ^ 1);
  ASSERT_TRUE(WriteFileAtomically(folder + "/losses.f64", changed).ok());
  launch::ExitStatus exit;
  std::string printed = Replay(log, exit);
  EXPECT_EQ(exit.code, 1) << printed;
  EXPECT_NE(printed.find("the loss of step 17 differs"), std::string::npos) << printed;
  // One decision less is another run.
  ASSERT_TRUE(WriteFileAtomically(folder + "/losses.f64", losses).ok());
  const std::string decisions = ReadFile(log).value_or("");
  const size_t first = decisions.find('\n') + 1;
  ASSERT_GT(first, 1u) << "the sidecar sent too few directives for this test to mean anything";
  ASSERT_TRUE(WriteFileAtomically(log, decisions.substr(first)).ok());
  printed = Replay(log, exit);
  EXPECT_EQ(exit.code, 1) << printed;
  EXPECT_NE(printed.find("the loss of step "), std::string::npos) << printed;
}

TEST(Replay, WhatCannotBeReplayedIsSaid) {
  const std::string folder = FreshFolder("empty");
  launch::ExitStatus exit;
  EXPECT_NE(Replay(folder + "/decisions.jsonl", exit).find("has no checkpoint"), std::string::npos);
  EXPECT_EQ(exit.code, 1);
}

}  // namespace
}  // namespace sluice::e2e
