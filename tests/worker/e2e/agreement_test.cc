// One directive version is applied by all ranks at one step, or the run stops.
#include <gtest/gtest.h>

#include "tests/worker/e2e/worker_process.h"
#include "worker/telemetry/decision_log.h"

namespace sluice::e2e {
namespace {

TEST(AgreementTest, BothRanksLogTheSameVersionsAtTheSameSteps) {
  const std::string folder = FreshFolder("run");
  const Outcome outcome = RunWorker("train", SmallRun(folder), folder + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const std::string rank0 = ReadFile(folder + "/applied.rank0.jsonl").value();
  EXPECT_EQ(rank0, ReadFile(folder + "/applied.rank1.jsonl").value());
  std::string logged;
  const auto entries = telemetry::ReadDecisionLog(folder + "/decisions.jsonl");
  ASSERT_TRUE(entries.ok()) << entries.status();
  for (const auto& entry : *entries) {
    logged += "{\"version\":" + std::to_string(entry.directive.version) +
              ",\"step\":" + std::to_string(entry.step) + "}\n";
  }
  EXPECT_NE(rank0, "");
  // The last decision may have been agreed on in the last step: logged, and never applied.
  EXPECT_EQ(logged.substr(0, rank0.size()), rank0);
}

TEST(AgreementTest, APlantedMismatchStopsTheRunAndNamesBothVersions) {
  const std::string folder = FreshFolder("run");
  const Outcome outcome = RunWorker("train", With(SmallRun(folder), {{"sidecar", "off"}}),
                                    folder + "/log", {"SLUICE_FAULT=version_skew:rank=1,step=12"});
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("planted fault fires"), std::string::npos) << outcome.log;
  EXPECT_NE(
      outcome.log.find("directives do not agree at step 12: rank 0 version 0, rank 1 version 1"),
      std::string::npos)
      << outcome.log;
  EXPECT_FALSE(std::filesystem::exists(folder + "/model.safetensors"));
}

TEST(AgreementTest, ADeadRankEndsTheOthersWithinTheTimeout) {
  const std::string folder = FreshFolder("run");
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome =
      RunWorker("train", With(SmallRun(folder), {{"sidecar", "off"}, {"collective.timeout", "5"}}),
                folder + "/log", {"SLUICE_FAULT=abort:rank=0,step=9"});
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40));
  EXPECT_NE(outcome.log.find("rank 0"), std::string::npos) << outcome.log;
}

}  // namespace
}  // namespace sluice::e2e
