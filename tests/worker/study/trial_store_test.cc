#include "worker/study/trial_store.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/study/planted.h"

namespace sluice::study {
namespace {

using ::testing::HasSubstr;

ComparisonConfig SomeConfig() {
  ComparisonConfig config;
  ResolveRuns(config);
  return config;
}

Trial SomeTrial() {
  Trial trial;
  trial.domain = "invert";
  trial.seed = 3;
  for (const StudyArm& arm : PlantedArms()) trial.arms.push_back(arm.arm);
  return trial;
}

// No value is a default.
std::vector<ComparedRun> SomeRuns() {
  std::vector<ComparedRun> runs;
  for (const StudyArm& arm : PlantedArms()) {
    ComparedRun& run = runs.emplace_back(Planted(arm.arm.name, 3, 1.0 / 3.0, 0.625));
    run.report.images = 640;
    run.report.eval_activation_rate = 0.14;
    run.report.directive_version = 12;
    run.report.directives_applied = 5;
    run.report.curve = {{50, 5.5, 0.25, std::nullopt}, {100, 10.0, 1.0 / 3.0, 0.625}};
  }
  runs[1].report.accuracy_gated.reset();
  return runs;
}

class TrialStoreTest : public testing::Test {
 protected:
  bool Takes(const ComparisonConfig& config, const Trial& trial) {
    return TrialStore(folder_.path(), config).Load("trial", trial, &why_).has_value();
  }

  const TemporaryFolder folder_;
  std::string why_;
};

TEST_F(TrialStoreTest, WhatWasSavedComesBackTheSame) {
  const TrialStore store(folder_.Path("not/there/yet"), SomeConfig());
  ASSERT_TRUE(store.Save("trial", SomeTrial(), SomeRuns()).ok());
  const auto loaded = store.Load("trial", SomeTrial(), &why_);
  ASSERT_TRUE(loaded) << why_;
  const std::vector<ComparedRun> runs = SomeRuns();
  ASSERT_EQ(loaded->size(), runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ((*loaded)[i].name, runs[i].name);
    EXPECT_EQ((*loaded)[i].seed, 3);
    EXPECT_EQ((*loaded)[i].lr, 0.002);
    EXPECT_EQ((*loaded)[i].dense_seconds, 20.0);
    EXPECT_EQ((*loaded)[i].report, runs[i].report);
  }
}

TEST_F(TrialStoreTest, WhatIsNotThereIsNotTakenAndNothingIsTheMatter) {
  EXPECT_FALSE(Takes(SomeConfig(), SomeTrial()));
  EXPECT_EQ(why_, "");
}

TEST_F(TrialStoreTest, OtherOptionsAreNotTaken) {
  ASSERT_TRUE(TrialStore(folder_.path(), SomeConfig()).Save("trial", SomeTrial(), SomeRuns()).ok());
  const std::vector<std::function<void(ComparisonConfig&, Trial&)>> changes = {
      [](auto& c, auto&) { c.seconds += 1; },
      [](auto& c, auto&) { c.images += 1; },
      [](auto& c, auto&) { c.eval_images += 1; },
      [](auto& c, auto&) { c.batch += 1; },
      [](auto& c, auto&) { c.nproc += 1; },
      [](auto& c, auto&) { c.lr *= 2; },
      [](auto& c, auto&) { c.pretrain_steps += 1; },
      [](auto& c, auto&) { c.data_folder = "elsewhere"; },
      [](auto& c, auto&) { c.init = "weights.safetensors"; },
      [](auto&, auto& t) { t.domain = "noise"; },
      [](auto&, auto& t) { t.seed = 4; },
      [](auto&, auto& t) { t.arms.pop_back(); },
      [](auto&, auto& t) { t.arms[1].lr = 1e-4; },
      [](auto&, auto& t) { t.arms[1].grow = 0.1; },
      [](auto&, auto& t) { t.arms[1].share = 0.5; },
      [](auto&, auto& t) { t.arms[1].options[0].second = "selective"; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    ComparisonConfig config = SomeConfig();
    Trial trial = SomeTrial();
    EXPECT_TRUE(Takes(config, trial)) << why_;
    changes[i](config, trial);
    EXPECT_FALSE(Takes(config, trial)) << "change " << i;
    EXPECT_THAT(why_, HasSubstr("other options")) << "change " << i;
  }
}

// The runs read their environment like any other.
TEST_F(TrialStoreTest, AnotherEnvironmentIsNotTaken) {
  ASSERT_TRUE(TrialStore(folder_.path(), SomeConfig()).Save("trial", SomeTrial(), SomeRuns()).ok());
  ::setenv("SLUICE_MODEL_DIM", "32", 1);
  EXPECT_FALSE(Takes(SomeConfig(), SomeTrial()));
  EXPECT_THAT(why_, HasSubstr("other options"));
  ::unsetenv("SLUICE_MODEL_DIM");
  ::setenv("SLUICE_JOBS", "1", 1);
  EXPECT_TRUE(Takes(SomeConfig(), SomeTrial())) << "that is none of the runs'";
  ::unsetenv("SLUICE_JOBS");
}

TEST_F(TrialStoreTest, WhatDoesNotShapeTheRunsDoesNotMatter) {
  ASSERT_TRUE(TrialStore(folder_.path(), SomeConfig()).Save("trial", SomeTrial(), SomeRuns()).ok());
  ComparisonConfig config = SomeConfig();
  config.together = 3;
  config.tries = 7;
  Trial trial = SomeTrial();
  trial.label = "elsewhere";
  trial.folder = "elsewhere";
  EXPECT_TRUE(Takes(config, trial)) << why_;
}

TEST_F(TrialStoreTest, ATornFileIsNotTaken) {
  const TrialStore store(folder_.path(), SomeConfig());
  ASSERT_TRUE(store.Save("trial", SomeTrial(), SomeRuns()).ok());
  const std::string whole = ReadFile(folder_.Path("trial.json")).value_or("");
  ASSERT_GT(whole.size(), 1000u);
  for (size_t size = 0; size < whole.size() - 2; size += 97) {
    folder_.Write("trial.json", whole.substr(0, size));
    EXPECT_FALSE(Takes(SomeConfig(), SomeTrial())) << size << " bytes";
    EXPECT_THAT(why_, HasSubstr("is no comparison")) << size << " bytes";
  }
  folder_.Write("trial.json", whole);
  EXPECT_TRUE(Takes(SomeConfig(), SomeTrial())) << why_;
}

TEST_F(TrialStoreTest, RunsOfOtherArmsAreNotTaken) {
  const TrialStore store(folder_.path(), SomeConfig());
  std::vector<ComparedRun> runs = SomeRuns();
  runs.pop_back();
  ASSERT_TRUE(store.Save("trial", SomeTrial(), runs).ok());
  EXPECT_FALSE(Takes(SomeConfig(), SomeTrial()));
  EXPECT_THAT(why_, HasSubstr("every arm"));
  runs = SomeRuns();
  runs[2].seed = 9;
  ASSERT_TRUE(store.Save("trial", SomeTrial(), runs).ok());
  EXPECT_FALSE(Takes(SomeConfig(), SomeTrial()));
}

}  // namespace
}  // namespace sluice::study
