#include "worker/study/study.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/study/planted.h"

namespace sluice::study {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

// A study whose comparisons are made up; what was asked for is written down.
class StudyTest : public testing::Test {
 protected:
  StudyPlan Plan(const std::function<void(StudyConfig&)>& change = nullptr) const {
    StudyConfig config;
    config.output = folder_.path();
    config.scorers = "random,head";
    config.policies = "sample";
    config.schedules = "constant";
    config.half = "none";
    config.domains = "invert,noise";
    config.seeds = 2;
    if (change) change(config);
    return ResolveStudy(config, {"invert", "noise", "blur"}).value();
  }

  // Accuracy 0.5, for `random` 0.6; one lower by a tenth of the distance to the learning rate that
  // is best for the arm: 0.001 for dense, 0.004 for the others.
  absl::StatusOr<std::vector<ComparedRun>> Compare(const Trial& trial) {
    if (static_cast<int>(asked_.size()) == fails_at_) return absl::AbortedError("a run failed");
    asked_.push_back(trial.label);
    seeds_.push_back(trial.seed);
    std::vector<ComparedRun> runs;
    for (const Arm& arm : trial.arms) {
      const double best = arm.name == "dense" ? 0.001 : 0.004;
      const double accuracy = (arm.name == kRandomArm ? 0.6 : 0.5) - 10.0 * std::abs(arm.lr - best);
      runs.push_back(Planted(arm.name, trial.seed, accuracy, 0.4));
      runs.back().lr = arm.lr;
    }
    return runs;
  }

  absl::Status Run(const StudyPlan& plan) {
    asked_.clear();
    seeds_.clear();
    return RunStudyWith(plan, [this](const Trial& trial) { return Compare(trial); });
  }

  json Report() const {
    return json::parse(ReadFile(folder_.Path("study.json")).value_or("null"), nullptr, false);
  }

  const TemporaryFolder folder_;
  std::vector<std::string> asked_;
  std::vector<int64_t> seeds_;
  int fails_at_ = -1;
};

TEST_F(StudyTest, ComparesEveryDomainAndSeedAndReports) {
  ASSERT_TRUE(Run(Plan()).ok());
  EXPECT_THAT(asked_,
              ElementsAre("invert, seed 0", "noise, seed 0", "invert, seed 1", "noise, seed 1"));
  const json report = Report();
  ASSERT_EQ(report.at("domains").size(), 2u);
  EXPECT_EQ(report["domains"][0].at("name"), "invert");
  EXPECT_EQ(report["domains"][0].at("runs").size(), 6u);
  EXPECT_EQ(report.at("rows").size(), 9u);
}

TEST_F(StudyTest, WhatWasFinishedIsNotRunAgain) {
  ASSERT_TRUE(Run(Plan()).ok());
  const json first = Report();
  ASSERT_TRUE(Run(Plan()).ok());
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(Report(), first);
}

TEST_F(StudyTest, AnInterruptedStudyGoesOnBehindWhatIsFinished) {
  fails_at_ = 3;
  EXPECT_TRUE(Says(Run(Plan()), absl::StatusCode::kAborted, {"a run failed"}));
  EXPECT_EQ(Report().at("domains")[0].at("runs").size(), 6u) << "reported so far";
  EXPECT_EQ(Report().at("domains")[1].at("runs").size(), 3u);
  fails_at_ = -1;
  ASSERT_TRUE(Run(Plan()).ok());
  EXPECT_THAT(asked_, ElementsAre("noise, seed 1"));
  EXPECT_EQ(Report().at("domains")[1].at("runs").size(), 6u);
}

TEST_F(StudyTest, MoreSeedsAddToTheOthers) {
  ASSERT_TRUE(Run(Plan()).ok());
  ASSERT_TRUE(Run(Plan([](StudyConfig& c) { c.seeds = 3; })).ok());
  EXPECT_THAT(asked_, ElementsAre("invert, seed 2", "noise, seed 2"));
}

TEST_F(StudyTest, OtherOptionsAreRunAgain) {
  ASSERT_TRUE(Run(Plan()).ok());
  ASSERT_TRUE(Run(Plan([](StudyConfig& c) { c.rate = 0.3; })).ok());
  EXPECT_EQ(asked_.size(), 4u);
}

TEST_F(StudyTest, FreshTakesNothingFromEarlier) {
  ASSERT_TRUE(Run(Plan()).ok());
  fails_at_ = 1;
  EXPECT_FALSE(Run(Plan([](StudyConfig& c) { c.fresh = true; })).ok());
  fails_at_ = -1;
  ASSERT_TRUE(Run(Plan()).ok());
  EXPECT_EQ(asked_.size(), 3u) << "nor does what follows an interrupted fresh start";
}

TEST_F(StudyTest, ATornResultIsRunAgain) {
  ASSERT_TRUE(Run(Plan()).ok());
  const std::string file = folder_.Path("comparisons/noise-seed0.json");
  const std::string whole = ReadFile(file).value_or("");
  ASSERT_FALSE(whole.empty());
  folder_.Write("comparisons/noise-seed0.json", whole.substr(0, whole.size() / 2));
  ASSERT_TRUE(Run(Plan()).ok());
  EXPECT_THAT(asked_, ElementsAre("noise, seed 0"));
}

TEST_F(StudyTest, TuningGivesEachArmItsBestLearningRateOnASeedOfItsOwn) {
  const StudyPlan plan = Plan([](StudyConfig& c) {
    c.tune = true;
    c.lrs = {1e-3, 2e-3, 4e-3};
    c.seeds = 1;
  });
  ASSERT_TRUE(Run(plan).ok());
  EXPECT_THAT(seeds_, ElementsAre(kTuningSeed, kTuningSeed, kTuningSeed, kTuningSeed, kTuningSeed,
                                  kTuningSeed, 0, 0));
  const json report = Report();
  for (const json& row : report.at("rows")) {
    EXPECT_EQ(row.at("lr"), row.at("arm") == "dense" ? 1e-3 : 4e-3) << row.at("arm");
  }
  for (const json& domain : report.at("domains")) {
    for (const json& run : domain.at("runs")) EXPECT_NE(run.at("seed"), kTuningSeed);
  }
  ASSERT_TRUE(Run(plan).ok());
  EXPECT_TRUE(asked_.empty()) << "what was tuned is kept as well";
}

}  // namespace
}  // namespace sluice::study
