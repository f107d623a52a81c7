#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using nlohmann::json;

// The runs of the study read their environment like any other.
const std::vector<std::string> kTinyModel = {"SLUICE_MODEL_DIM=32", "SLUICE_MODEL_DEPTH=3",
                                             "SLUICE_MODEL_HEADS=2"};

// Three arms in two groups, so that dense trains twice.
Options SmallStudy(const std::string& folder) {
  return {{"output", folder},     {"seconds", "2"},         {"images", "256"},
          {"eval_images", "128"}, {"pretrain_steps", "30"}, {"scorers", "random"},
          {"policies", "sample"}, {"schedules", "grow"},    {"half", "random"},
          {"domains", "invert"},  {"seeds", "1"},           {"together", "2"}};
}

// The study as a user starts it, but with runs of two seconds: what it writes, not what it finds.
TEST(Study, ComparesEveryArmAndIsNotRunTwice) {
  const std::string folder = FreshFolder("out");
  const Outcome outcome = RunWorker("study", SmallStudy(folder), folder + "/log", kTinyModel);
  ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
  const json study = ReadJson(folder + "/study.json");
  ASSERT_EQ(study.at("domains").size(), 1u);
  std::map<std::string, json> runs;
  for (const json& run : study["domains"][0].at("runs")) runs[run.at("name")] = run;
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs.at("dense").at("activation_rate"), 1.0);
  // 0.15, and in the last quarter of the steps on the way to 1.
  EXPECT_NEAR(runs.at("random/sample/grow").at("activation_rate"), 0.15 + 0.85 / 8, 0.05);
  EXPECT_LT(runs.at("random/sample/grow@0.5").at("steps"),
            runs.at("random/sample/grow").at("steps"));
  for (const auto& [name, run] : runs) EXPECT_GE(run.at("accuracy_dense"), 0.0) << name;
  EXPECT_EQ(study.at("verdicts").size(), 4u);
  for (const char* file : {"/study.md", "/study.svg", "/comparisons/invert-seed0.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder + file)) << file;
  }
  const std::string stored = folder + "/comparisons/invert-seed0.json";
  const auto written = std::filesystem::last_write_time(stored);
  std::filesystem::remove(folder + "/study.json");
  const Outcome again = RunWorker("study", SmallStudy(folder), folder + "/log", kTinyModel);
  ASSERT_TRUE(again.exit.ok()) << again.log;
  EXPECT_EQ(ReadJson(folder + "/study.json"), study);
  EXPECT_EQ(std::filesystem::last_write_time(stored), written);
}

TEST(Study, AnOptionOutOfItsNamesIsNamed) {
  const std::string folder = FreshFolder("out");
  const Outcome outcome =
      RunWorker("study", {{"output", folder}, {"scorers", "random,entropy"}}, folder + "/log");
  EXPECT_FALSE(outcome.exit.ok());
  EXPECT_NE(outcome.log.find("scorers"), std::string::npos) << outcome.log;
  EXPECT_NE(outcome.log.find("'entropy'"), std::string::npos) << outcome.log;
}

}  // namespace
}  // namespace sluice::e2e
