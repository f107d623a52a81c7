// What a step keeps and how it computes, from the command line to the weights of two ranks.
#include <gtest/gtest.h>

#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  Options Base(const std::string& folder) const {
    return With(SmallRun(folder),
                {{"sidecar", "off"}, {"gate.policy", "budget"}, {"train.steps", "20"}});
  }
  // The weights at the end.
  std::string Train(const std::string& name, const Options& changes) {
    const std::string folder = FreshFolder(name);
    const Outcome outcome = RunWorker("train", With(Base(folder), changes), folder + "/log");
    EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
    losses_ = ReadJson(folder + "/report.json").at("losses").get<std::vector<double>>();
    return ReadFile(folder + "/model.safetensors").value_or("");
  }
  std::vector<double> losses_;  // Of the last run.
};

// Gradients reach the reduction by way of blocks that run again.
TEST_F(MemoryTest, CheckpointingOnTwoRanksChangesNoBit) {
  for (const std::string mode : {"dense", "compact"}) {
    const std::string plain = Train("plain", {{"gate.mode", mode}});
    ASSERT_FALSE(plain.empty());
    EXPECT_TRUE(Train("again", {{"gate.mode", mode}, {"memory.checkpointing", "true"}}) == plain)
        << mode;
  }
}

TEST_F(MemoryTest, SmallerFormsTrainAlmostTheSame) {
  const std::string plain = Train("plain", {});
  const std::vector<double> exact = losses_;
  for (const Options& changes :
       {Options{{"memory.activations", "fp8"}}, Options{{"memory.activations", "bf16"}},
        Options{{"memory.autocast", "bf16"}}}) {
    const std::string name = changes[0].first + "-" + changes[0].second;
    EXPECT_FALSE(Train(name, changes) == plain) << name << " changed nothing";
    EXPECT_NEAR(losses_.back(), exact.back(), 0.05 * exact.back()) << name;
  }
}

TEST_F(MemoryTest, AResumedRunMustKeepActivationsInTheSameForm) {
  const std::string folder = FreshFolder("resumed");
  Outcome outcome =
      RunWorker("train", With(Base(folder), {{"memory.activations", "fp8"}, {"stop_after", "10"}}),
                folder + "/log1");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  outcome = RunWorker("train", With(Base(folder), {{"resume", "true"}}), folder + "/log2");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("another configuration"), std::string::npos) << outcome.log;
}

TEST_F(MemoryTest, ProductsInFloat8AreRefusedWithoutAGpuThatCan) {
  const std::string folder = FreshFolder("fp8");
  const Outcome outcome = RunWorker(
      "train",
      With(Base(folder),
           {{"memory.fp8_matmul", "true"}, {"memory.autocast", "bf16"}, {"device", "cpu"}}),
      folder + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("memory.fp8_matmul is 'true', expected false, or a GPU of compute "
                             "capability 8.9 or newer"),
            std::string::npos)
      << outcome.log;
  EXPECT_FALSE(std::filesystem::exists(folder + "/model.safetensors"));
}

TEST_F(MemoryTest, APlanOfTheLargeModelByHand) {
  const std::string folder = FreshFolder("plan");
  const Outcome outcome = RunWorker("plan",
                                    {{"model.preset", "vit_large"},
                                     {"batch", "32"},
                                     {"nproc", "4"},
                                     {"rate", "0.25,1.0"},
                                     {"json", folder + "/plan.json"}},
                                    folder + "/log");
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const nlohmann::json plan = ReadJson(folder + "/plan.json");
  EXPECT_EQ(plan.at("images"), 8);
  const nlohmann::json rows = plan.at("rows");
  ASSERT_EQ(rows.size(), 2u);
  // timm's vit_large_patch14_224 has 304,203,752 parameters.
  EXPECT_EQ(rows[0].at("parameter_bytes"), 4 * 304203752ll);
  EXPECT_EQ(rows[0].at("optimizer_bytes"), 8 * 304203752ll);
  EXPECT_LT(rows[0].at("activation_bytes").get<double>(),
            0.4 * rows[1].at("activation_bytes").get<double>());
}

TEST_F(MemoryTest, APlanThatDoesNotFitIsRefused) {
  const std::string folder = FreshFolder("plan");
  const Outcome outcome =
      RunWorker("plan", {{"memory.checkpointing", "true"}, {"mode", "selective"}}, folder + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("memory.checkpointing"), std::string::npos) << outcome.log;
}

}  // namespace
}  // namespace sluice::e2e
