// Exact resume: the same decision log gives the same bits, however often the run is stopped, with a
// sidecar or without.
#include <gtest/gtest.h>

#include "tests/worker/e2e/worker_process.h"
#include "worker/telemetry/decision_log.h"

namespace sluice::e2e {
namespace {

constexpr char kStopAfter[] = "37";

class ResumeTest : public ::testing::Test {
 protected:
  // A run of 60 steps with a live sidecar: its log is the one that the others follow.
  void SetUp() override {
    undisturbed_ = FreshFolder("undisturbed");
    const Outcome outcome = RunWorker("train", SmallRun(undisturbed_), undisturbed_ + "/log");
    ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
    log_ = undisturbed_ + "/decisions.jsonl";
    const auto entries = telemetry::ReadDecisionLog(log_);
    ASSERT_TRUE(entries.ok()) << entries.status();
    ASSERT_GE(entries->size(), 2u)
        << "the sidecar sent too few directives for this test to mean anything";
    ASSERT_LT(entries->front().step, 37u);
  }

  void ExpectSameBits(const std::string& folder) {
    EXPECT_EQ(ReadFile(folder + "/model.safetensors").value(),
              ReadFile(undisturbed_ + "/model.safetensors").value());
  }

  std::vector<double> Losses(const std::string& folder) {
    return ReadJson(folder + "/report.json").at("losses").get<std::vector<double>>();
  }

  std::string undisturbed_;
  std::string log_;
};

TEST_F(ResumeTest, StoppedAndResumedWithoutASidecarIsBitIdentical) {
  const std::string folder = FreshFolder("stopped");
  const Options options = With(SmallRun(folder), {{"sidecar", "off"}, {"directives", log_}});
  Outcome outcome =
      RunWorker("train", With(options, {{"stop_after", kStopAfter}}), folder + "/log1");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  std::vector<double> losses = Losses(folder);
  ASSERT_EQ(losses.size(), 37u);
  outcome = RunWorker("train", With(options, {{"resume", "true"}}), folder + "/log2");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const std::vector<double> rest = Losses(folder);
  losses.insert(losses.end(), rest.begin(), rest.end());
  EXPECT_EQ(losses, Losses(undisturbed_));
  ExpectSameBits(folder);
}

TEST_F(ResumeTest, StoppedAndResumedBesideASidecarIsBitIdentical) {
  const std::string folder = FreshFolder("stopped");
  const Options options = With(SmallRun(folder), {{"sidecar", "spawn"}, {"directives", log_}});
  Outcome outcome =
      RunWorker("train", With(options, {{"stop_after", kStopAfter}}), folder + "/log1");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  outcome = RunWorker("train", With(options, {{"resume", "true"}}), folder + "/log2");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  // Behind the last decision of the log the run is live: the sidecar may add some, and then the
  // bits differ. The comparison is with an undisturbed run under this run's own log.
  const std::string again = FreshFolder("again");
  outcome = RunWorker(
      "train",
      With(SmallRun(again), {{"sidecar", "off"}, {"directives", folder + "/decisions.jsonl"}}),
      again + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  EXPECT_EQ(ReadFile(folder + "/model.safetensors").value(),
            ReadFile(again + "/model.safetensors").value());
}

TEST_F(ResumeTest, AKilledRunGoesOnFromItsCheckpointAndItsOwnLog) {
  const std::string folder = FreshFolder("killed");
  const Options options = With(
      SmallRun(folder), {{"sidecar", "off"}, {"directives", log_}, {"checkpoint.every", "20"}});
  Outcome outcome =
      RunWorker("train", options, folder + "/log1", {"SLUICE_FAULT=abort:rank=1,step=45"});
  ASSERT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("planted fault fires"), std::string::npos) << outcome.log;
  // Now its own log is what it follows up to where it stopped; the given one goes on behind it.
  outcome = RunWorker("train", With(options, {{"resume", "true"}}), folder + "/log2");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  ExpectSameBits(folder);
}

TEST_F(ResumeTest, AnotherConfigurationIsRefused) {
  const Outcome outcome = RunWorker(
      "train",
      With(SmallRun(undisturbed_), {{"resume", "true"}, {"train.lr", "0.5"}, {"sidecar", "off"}}),
      undisturbed_ + "/log2");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("belongs to another configuration"), std::string::npos) << outcome.log;
}

TEST_F(ResumeTest, AFolderWithCheckpointsIsNotOverwritten) {
  const Outcome outcome = RunWorker("train", SmallRun(undisturbed_), undisturbed_ + "/log2");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("give --resume"), std::string::npos) << outcome.log;
}

// Everything that a checkpoint holds besides weights and moments: the image gate's scores, the
// footprint gate's decision, temperatures and adapters.
TEST(ResumeStateTest, EveryGatesStateComesBack) {
  const Options changes = {{"sidecar", "off"},
                           {"gate.policy", "budget"},
                           {"gate.image_theta", "0.95"},
                           {"gate.head_lr", "100"},
                           {"gate.score_ttl", "1"},
                           {"gate.calibrate", "true"},
                           {"eval.every", "13"},
                           {"footprint.rate", "0.5"},
                           {"footprint.every", "7"},
                           {"adapters.kind", "lora"},
                           {"adapters.only", "false"},
                           {"adapters.targets", "qkv,fc2"},
                           {"data.train_subset", "first:120"}};
  const std::string whole = FreshFolder("whole"), parts = FreshFolder("parts");
  Outcome outcome = RunWorker("train", With(SmallRun(whole), changes), whole + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const Options options = With(SmallRun(parts), changes);
  outcome = RunWorker("train", With(options, {{"stop_after", kStopAfter}}), parts + "/log1");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  outcome = RunWorker("train", With(options, {{"resume", "true"}}), parts + "/log2");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  for (const char* file : {"/model.safetensors", "/adapters/adapter_model.safetensors"}) {
    EXPECT_EQ(ReadFile(parts + file).value(), ReadFile(whole + file).value()) << file;
  }
  const nlohmann::json a = ReadJson(whole + "/report.json"), b = ReadJson(parts + "/report.json");
  EXPECT_EQ(a.at("calibration"), b.at("calibration"));
  EXPECT_NE(a.at("calibration").at(0).at("temperature"), 1.0);
  EXPECT_EQ(a.at("work"), b.at("work"));
  EXPECT_GT(a.at("work").at("images_skipped"), 30);  // The gate did skip.
}

}  // namespace
}  // namespace sluice::e2e
