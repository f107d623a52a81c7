#include "worker/study/study_config.h"

#include <gmock/gmock.h>

#include "tests/common/says.h"
#include "worker/study/demo.h"

namespace sluice::study {
namespace {

using ::testing::ElementsAre;

const std::vector<std::string> kDomains = {"none", "invert", "rotate90", "noise", "blur"};

StudyPlan Resolved(const StudyConfig& config) {
  const auto plan = ResolveStudy(config, kDomains);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.value_or(StudyPlan());
}

TEST(StudyConfig, WithoutOptionsItIsTheWholeStudy) {
  const StudyPlan plan = Resolved({});
  EXPECT_THAT(plan.grid.scorers, ElementsAre("head", "information", "margin", "attention",
                                             "class_attention", "random"));
  EXPECT_THAT(plan.grid.policies, ElementsAre("sample", "budget"));
  EXPECT_THAT(plan.grid.schedules, ElementsAre("constant", "grow"));
  EXPECT_THAT(plan.grid.half, ElementsAre("random", "information", "dense"));
  EXPECT_THAT(plan.domains, ElementsAre("invert", "rotate90", "noise"));
  EXPECT_EQ(plan.seeds, 5);
  EXPECT_EQ(plan.grid.rate, 0.15);
  EXPECT_EQ(plan.runs.seconds, 30.0);
  EXPECT_EQ(plan.runs.batch, 64);
  EXPECT_EQ(plan.runs.lr, 2e-3);
  EXPECT_EQ(plan.runs.eval_images, 2000);
  EXPECT_FALSE(plan.tuned());
  EXPECT_EQ(plan.arms.size(), 1u + 5u * 4u + 2u + 3u);
}

TEST(StudyConfig, GivenWeightsGetTheirOwnDefaults) {
  StudyConfig config;
  config.init = "weights.safetensors";
  const StudyPlan plan = Resolved(config);
  EXPECT_THAT(plan.domains, ElementsAre("none"));
  EXPECT_EQ(plan.grid.rate, 0.25);
  EXPECT_EQ(plan.runs.seconds, 120.0);
  EXPECT_EQ(plan.runs.batch, 16);
  EXPECT_EQ(plan.runs.lr, 1e-4);
  EXPECT_LT(plan.runs.together, Resolved({}).runs.together);
}

TEST(StudyConfig, WhatIsGivenStays) {
  StudyConfig config;
  config.init = "weights.safetensors";
  config.quick = true;
  config.seconds = 7;
  config.rate = 0.5;
  config.batch = 6;
  config.seeds = 2;
  config.eval_images = 64;
  config.scorers = "margin,random";
  config.policies = "threshold";
  config.schedules = "anneal";
  config.domains = "blur,none";
  config.half = "none";
  config.lrs = {3e-4};
  const StudyPlan plan = Resolved(config);
  EXPECT_EQ(plan.runs.seconds, 7.0);
  EXPECT_EQ(plan.grid.rate, 0.5);
  EXPECT_EQ(plan.runs.rate, 0.5);
  EXPECT_EQ(plan.runs.batch, 6);
  EXPECT_EQ(plan.seeds, 2);
  EXPECT_EQ(plan.runs.eval_images, 64);
  EXPECT_THAT(plan.domains, ElementsAre("blur", "none"));
  EXPECT_EQ(plan.runs.lr, 3e-4);
  EXPECT_EQ(plan.arms.size(), 3u);
}

TEST(StudyConfig, QuickTakesTenMinutes) {
  StudyConfig config;
  config.quick = true;
  const StudyPlan plan = Resolved(config);
  std::vector<std::string> names;
  for (const StudyArm& arm : plan.arms) names.push_back(arm.arm.name);
  EXPECT_THAT(names, ElementsAre("dense", "random/sample/constant", "information/sample/constant",
                                 "random/sample/constant@0.5"));
  EXPECT_EQ(plan.domains.size(), 3u);
  EXPECT_EQ(plan.seeds, 1);
  const double guess = GuessedSeconds(plan, 3);
  EXPECT_LE(guess, 600.0);
  EXPECT_GE(guess, 300.0);
}

TEST(StudyConfig, TheGuessGrowsWithWhatIsLeft) {
  const StudyPlan plan = Resolved({});
  EXPECT_EQ(GuessedSeconds(plan, 0), 0.0);
  // Each has 25 runs of 30 seconds, but for three of 15 or so.
  const double one = GuessedSeconds(plan, 4) - GuessedSeconds(plan, 3);
  EXPECT_GT(one, 23 * 30.0 + 3 * 15.0);
  EXPECT_LT(one, 2 * (23 * 30.0 + 3 * 15.0));
}

TEST(StudyConfig, LearningRatesAreTriedByTuneOnly) {
  StudyConfig config;
  config.tune = true;
  EXPECT_THAT(Resolved(config).lrs, ElementsAre(1e-3, 2e-3, 4e-3));
  EXPECT_TRUE(Resolved(config).tuned());
  config.lrs = {5e-3, 1e-3};
  EXPECT_THAT(Resolved(config).lrs, ElementsAre(1e-3, 5e-3)) << "rising";
  config.lrs = {1e-3};
  EXPECT_TRUE(SaysInvalid(ResolveStudy(config, kDomains).status(), {"lrs", "0.001", "several"}));
  config.lrs = {1e-3, 1e-3};
  EXPECT_TRUE(SaysInvalid(ResolveStudy(config, kDomains).status(), {"lrs", "once"}));
  config.tune = false;
  config.lrs = {1e-3, 2e-3};
  EXPECT_TRUE(SaysInvalid(ResolveStudy(config, kDomains).status(), {"lrs", "--tune"}));
}

TEST(StudyConfig, BadNamesAreNamedWithWhatIsExpected) {
  const auto says = [](auto set, std::initializer_list<std::string> parts) {
    StudyConfig config;
    set(config);
    return SaysInvalid(ResolveStudy(config, kDomains).status(), parts);
  };
  EXPECT_TRUE(says([](auto& c) { c.scorers = "head,entropy"; },
                   {"scorers", "'entropy'", "information", "random"}));
  EXPECT_TRUE(says([](auto& c) { c.policies = "top"; }, {"policies", "'top'", "threshold"}));
  EXPECT_TRUE(says([](auto& c) { c.schedules = "shrink"; }, {"schedules", "'shrink'", "grow"}));
  EXPECT_TRUE(says([](auto& c) { c.domains = "mars"; }, {"domains", "'mars'", "rotate90"}));
  EXPECT_TRUE(says([](auto& c) { c.domains = "blur,noise,blur"; }, {"domains", "blur", "once"}));
  EXPECT_TRUE(says([](auto& c) { c.policies = ","; }, {"policies", "one name or more"}));
  // Without the whole arm there is nothing to halve.
  EXPECT_TRUE(says(
      [](auto& c) {
        c.scorers = "random";
        c.half = "head";
      },
      {"half", "'head'", "random", "dense"}));
}

TEST(DemoConfig, DefaultsAreByTheModel) {
  DemoConfig config;
  ResolveDemo(config);
  EXPECT_EQ(config.domain, "invert");
  EXPECT_EQ(config.seconds, 30.0);
  EXPECT_EQ(config.rate, 0.15);
  EXPECT_EQ(config.lr, 2e-3);
  EXPECT_EQ(config.batch, 64);
  DemoConfig large;
  large.init = "weights.safetensors";
  large.lr = 3e-4;
  ResolveDemo(large);
  EXPECT_EQ(large.domain, "none");
  EXPECT_EQ(large.seconds, 120.0);
  EXPECT_EQ(large.rate, 0.25);
  EXPECT_EQ(large.lr, 3e-4) << "given";
  EXPECT_EQ(large.batch, 16);
}

}  // namespace
}  // namespace sluice::study
