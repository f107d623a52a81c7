// Ranks that die or hang: the group ends in time, and comes back from its newest checkpoint to the
// bits of a run that nobody disturbed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/worker/e2e/elastic_run.h"

namespace sluice::e2e {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The soak does it 50 times.
int Kills() {
  const char* kills = std::getenv("SLUICE_KILLS");
  return kills != nullptr ? std::atoi(kills) : 10;
}

// Beside a live sidecar: then a restart must also agree with what was decided before it.
TEST(Elastic, KilledRanksComeBackToTheBit) {
  const int kills = Kills();
  const auto seed = static_cast<unsigned>(Clock::now().time_since_epoch().count());
  std::mt19937 random(seed);
  const std::string folder = FreshFolder("killed"), log = folder + "/log";
  const Options options = With(ElasticRun(folder, std::to_string(30 + 30 * kills)),
                               {{"sidecar", "spawn"}, {"max-restarts", std::to_string(kills)}});
  launch::ChildProcess run = StartWorker("train", options, log);
  int lost = 0, survived = 0;
  for (int kill = 0; kill < kills; ++kill) {
    // It has got on since the last time.
    const int before = NewestStep(folder);
    ASSERT_TRUE(WaitUntil([&] { return NewestStep(folder) > before; }, std::chrono::minutes(1)))
        << ReadFile(log).value_or("");
    std::this_thread::sleep_for(milliseconds(random() % 80));  // At any moment.
    const int rank = static_cast<int>(random() % 2);
    const pid_t pid = PidOfRank(run.pid(), rank);
    ASSERT_GT(pid, 1) << "seed " << seed << "\n" << ReadFile(log).value_or("");
    const int saved = NewestStep(folder);
    const auto start = Clock::now();
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(WaitForText(log, "restart " + std::to_string(kill + 1) + " of "))
        << ReadFile(log).value_or("");
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(40)) << "twice the timeout";
    ASSERT_TRUE(WaitUntil([&] { return Resumed(log).size() > static_cast<size_t>(kill); },
                          std::chrono::minutes(1)))
        << ReadFile(log).value_or("");
    lost += std::max(0, saved - Resumed(log).back());
    ++survived;
  }
  const auto exit = run.Wait(std::chrono::minutes(2));
  ASSERT_TRUE(exit.ok() && exit->ok()) << ReadFile(log).value_or("");
  std::printf(
      "kill -9 of a random rank, seed %u: faults injected: %d, survived: %d, "
      "steps lost beyond the last checkpoint: %d\n",
      seed, kills, survived, lost);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(ReadFile(folder + "/generation").value_or(""), std::to_string(kills) + "\n");
  const std::string weights = UndisturbedWeights(
      With(options, {{"directives", folder + "/decisions.jsonl"}}), FreshFolder("undisturbed"));
  EXPECT_EQ(ReadFile(folder + "/model.safetensors").value(), weights) << "seed " << seed;
}

TEST(Elastic, AStoppedRankIsNoticedAndReplaced) {
  const std::string folder = FreshFolder("stopped"), log = folder + "/log";
  const double timeout = 8.0;
  const Options options =
      With(ElasticRun(folder, "100"),
           {{"max-restarts", "1"}, {"collective.timeout", std::to_string(timeout)}});
  launch::ChildProcess run = StartWorker("train", options, log);
  ASSERT_TRUE(WaitUntil([&] { return NewestStep(folder) > 0; }, std::chrono::minutes(1)));
  const pid_t pid = PidOfRank(run.pid(), 1);
  ASSERT_GT(pid, 1);
  const int saved = NewestStep(folder);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto start = Clock::now();
  ASSERT_TRUE(WaitForText(log, "restart 1 of 1")) << ReadFile(log).value_or("");
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  EXPECT_LT(took, 2 * timeout);
  EXPECT_NE(::kill(pid, 0), 0) << "the stopped rank is still there";
  const auto exit = run.Wait(std::chrono::minutes(2));
  const std::string said = ReadFile(log).value_or("");
  ASSERT_TRUE(exit.ok() && exit->ok()) << said;
  EXPECT_NE(said.find("rank 1 (process " + std::to_string(pid) + ") hangs: killed"),
            std::string::npos)
      << said;
  ASSERT_EQ(Resumed(log).size(), 1u);
  const int lost = std::max(0, saved - Resumed(log)[0]);
  std::printf(
      "SIGSTOP of a rank: faults injected: 1, survived: 1 in %.1f s of at most %.1f, "
      "steps lost beyond the last checkpoint: %d\n",
      took, 2 * timeout, lost);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(ReadFile(folder + "/model.safetensors").value(),
            UndisturbedWeights(options, FreshFolder("undisturbed")));
}

TEST(Elastic, ItGivesUpWithOneLine) {
  const std::string folder = FreshFolder("run");
  // Each start dies before its first checkpoint.
  const Outcome outcome =
      RunWorker("train", With(ElasticRun(folder, "60"), {{"max-restarts", "1"}}), folder + "/log",
                {"SLUICE_FAULT=abort:rank=1,step=3"});
  EXPECT_EQ(outcome.exit.code, 1) << outcome.log;
  EXPECT_NE(outcome.log.find("sluice-worker train: rank 1 of 2 (process "), std::string::npos)
      << outcome.log;
  EXPECT_NE(outcome.log.find("exited with code 137; given up after 1 restarts\n"),
            std::string::npos)
      << outcome.log;
  EXPECT_NE(outcome.log.find("goes on after step 0 as generation 1"), std::string::npos)
      << outcome.log;
  EXPECT_FALSE(std::filesystem::exists(folder + "/model.safetensors"));
}

}  // namespace
}  // namespace sluice::e2e
