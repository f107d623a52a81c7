// Probes that are checked by a process beside the ranks: what it finds is what the ranks find, it
// changes no bit of the training, and its death, its silence and a run's end are survived.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <regex>

#include "absl/strings/str_cat.h"
#include "tests/worker/e2e/learnt_domain.h"

namespace sluice::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

// Each check's step with its loss, as they were logged.
std::map<int64_t, double> LoggedLosses(const std::string& log) {
  static const std::regex line("step ([0-9]+): probe old: loss ([0-9.]+)");
  std::map<int64_t, double> losses;
  for (auto it = std::sregex_iterator(log.begin(), log.end(), line); it != std::sregex_iterator();
       ++it)
    losses[std::stoll((*it)[1])] = std::stod((*it)[2]);
  return losses;
}

// The newest process that checks probes; 0: none yet.
pid_t ProbeProcess(const std::string& log) {
  static const std::regex line("probes are checked by process ([0-9]+)");
  pid_t pid = 0;
  for (auto it = std::sregex_iterator(log.begin(), log.end(), line); it != std::sregex_iterator();
       ++it)
    pid = static_cast<pid_t>(std::stol((*it)[1]));
  return pid;
}

class ProbeAsync : public testing::Test {
 protected:
  void SetUp() override {
    base_ = FreshFolder("base");
    memory_ = FreshFolder("memory");
    ASSERT_NO_FATAL_FAILURE(
        LearnDomain(base_, memory_, {{"train.steps", "30"}}, /*probe_images=*/300, 0));
  }
  // Another domain, with a check every 20 steps.
  Options Run(const std::string& folder, const Options& changes) const {
    return With(With(SmallRun(folder), {{"model.init", FinalCheckpoint(base_)},
                                        {"data.domain", "invert"},
                                        {"legacy.folder", memory_},
                                        {"probe.every", "20"},
                                        {"sidecar", "off"},
                                        {"train.steps", "60"}}),
                changes);
  }

  std::string base_, memory_;
};

TEST_F(ProbeAsync, FindsTheSameAndChangesNoBitOfTheTraining) {
  const std::string on_ranks = FreshFolder("ranks"), beside = FreshFolder("beside");
  const Outcome first = RunWorker("train", Run(on_ranks, {}), on_ranks + "/log");
  ASSERT_TRUE(first.exit.ok()) << first.log;
  const Outcome second =
      RunWorker("train", Run(beside, {{"probe.async", "true"}}), beside + "/log");
  ASSERT_TRUE(second.exit.ok()) << second.log;
  EXPECT_EQ(ReadFile(beside + "/model.safetensors").value_or("none"),
            ReadFile(on_ranks + "/model.safetensors").value_or(""));
  EXPECT_EQ(ReadFile(beside + "/losses.f64").value_or("none"),
            ReadFile(on_ranks + "/losses.f64").value_or(""));
  const std::map<int64_t, double> expected = LoggedLosses(first.log);
  EXPECT_EQ(expected.size(), 3u);
  const std::map<int64_t, double> found = LoggedLosses(second.log);
  ASSERT_FALSE(found.empty()) << second.log;
  // One that came while another was under way is left out.
  for (const auto& [step, loss] : found)
    EXPECT_NEAR(loss, expected.at(step), 2e-4) << "step " << step;
  EXPECT_EQ(ReadJson(beside + "/report.json").at("probes").size(), 1u);
}

TEST_F(ProbeAsync, ARunWhoseProcessIsKilledGoesOnAndStartsAnother) {
  const std::string run = FreshFolder("run");
  const std::string log = run + "/log";
  const auto text = [&log] { return ReadFile(log).value_or(""); };
  launch::ChildProcess worker =
      StartWorker("train", Run(run, {{"probe.async", "true"}, {"train.steps", "1000000"}}), log);
  ASSERT_TRUE(WaitForText(log, "probe old: loss")) << text();
  const pid_t killed = ProbeProcess(text());
  ASSERT_EQ(::kill(killed, SIGKILL), 0);
  const size_t before = LoggedLosses(text()).size();
  ASSERT_TRUE(WaitForText(log, "was killed by signal 9")) << text();
  ASSERT_TRUE(WaitUntil([&] { return ProbeProcess(text()) != killed; }, std::chrono::minutes(1)));
  ASSERT_TRUE(
      WaitUntil([&] { return LoggedLosses(text()).size() > before + 1; }, std::chrono::minutes(1)))
      << text();
  // Stopped by force, and by word: neither leaves a process behind.
  const pid_t last = ProbeProcess(text());
  const auto ended = worker.Terminate(std::chrono::seconds(60));
  ASSERT_TRUE(ended.ok() && ended->ok()) << text();
  EXPECT_TRUE(WaitUntil([&] { return ::kill(last, 0) != 0; }, std::chrono::seconds(10)));
}

TEST_F(ProbeAsync, AProcessThatHangsIsEndedByItsDeadlineAndAStopDoesNotWaitForIt) {
  const std::string run = FreshFolder("run");
  const std::string log = run + "/log";
  const auto text = [&log] { return ReadFile(log).value_or(""); };
  launch::ChildProcess worker = StartWorker("train",
                                            Run(run, {{"probe.async", "true"},
                                                      {"probe.deadline", "8"},
                                                      {"grace_seconds", "30"},
                                                      {"train.steps", "1000000"}}),
                                            log);
  ASSERT_TRUE(WaitForText(log, "probe old: loss")) << text();
  ASSERT_EQ(::kill(ProbeProcess(text()), SIGSTOP), 0);
  ASSERT_TRUE(WaitForText(log, "no answer within 8 s (probe.deadline)")) << text();
  ASSERT_TRUE(WaitForText(log, "are not checked: those of step")) << text();
  const pid_t second = ProbeProcess(text());
  ::kill(second, SIGSTOP);
  const auto start = std::chrono::steady_clock::now();
  const auto ended = worker.Terminate(std::chrono::seconds(60));
  ASSERT_TRUE(ended.ok() && ended->ok()) << text();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)) << "the grace";
  EXPECT_TRUE(WaitUntil([&] { return ::kill(second, 0) != 0; }, std::chrono::seconds(10)));
}

TEST_F(ProbeAsync, TheCommandChecksACheckpointByHand) {
  const std::string folder = FreshFolder("by_hand");
  const Outcome outcome = RunWorker("probe",
                                    {{"model.init", FinalCheckpoint(base_)},
                                     {"legacy.folder", memory_},
                                     {"json", folder + "/found.json"}},
                                    folder + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const nlohmann::json found = ReadJson(folder + "/found.json");
  EXPECT_EQ(found.at("probes").at(0).at("images"), 300);
  EXPECT_NEAR(found.at("probes").at(0).at("loss"), found.at("probes").at(0).at("baseline_loss"),
              1e-4);
  const Outcome without =
      RunWorker("probe", {{"model.init", FinalCheckpoint(base_)}, {"legacy.folder", folder}},
                folder + "/log2");
  EXPECT_FALSE(without.exit.ok());
  EXPECT_THAT(without.log, HasSubstr("legacy.folder"));
}

}  // namespace
}  // namespace sluice::e2e
