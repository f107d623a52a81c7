#include "worker/study/continual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "worker/study/continual_strategies.h"

namespace sluice::study {
namespace {

using testing::HasSubstr;

std::string Value(const Strategy& strategy, const std::string& name) {
  std::string value;
  for (const auto& [key, text] : strategy.options) {
    if (key == name) value = text;
  }
  return value;
}

TEST(ContinualStrategies, EveryNameIsMadeOnceInOrder) {
  const std::vector<Strategy> strategies = MakeStrategies({});
  ASSERT_EQ(strategies.size(), StrategyNames().size());
  for (size_t i = 0; i < strategies.size(); ++i) EXPECT_EQ(strategies[i].name, StrategyNames()[i]);
}

TEST(ContinualStrategies, WhatRehearsesKeepsABufferAndWhatIsCheckedAProbe) {
  StrategyOptions options;
  options.gated_steps = 1.75;  // No other strategy's number.
  for (const Strategy& s : MakeStrategies(options)) {
    EXPECT_EQ(!Value(s, "rehearsal.share").empty() || s.equal_shares, s.buffer_images > 0)
        << s.name;
    EXPECT_EQ(!Value(s, "probe.every").empty(), s.probe_images > 0) << s.name;
    EXPECT_EQ(!Value(s, "ewc.lambda").empty(), s.fisher_images > 0) << s.name;
    EXPECT_EQ(Value(s, "gate.mode") == "compact" && s.name != "sluice",
              s.steps == options.gated_steps)
        << s.name;
  }
}

TEST(ContinualStrategies, TheRecipeHasItsOwnRateStepsAndShare) {
  StrategyOptions options;
  options.recipe_rate = 0.11;
  options.recipe_steps = 1.5;
  options.recipe_batch = 1.25;
  options.recipe_share = 0.6;
  options.steps = 40;
  options.batch = 16;
  for (const Strategy& s : MakeStrategies(options)) {
    const bool is_recipe = s.name == "sluice";
    EXPECT_EQ(Value(s, "gate.rate") == "0.11", is_recipe) << s.name;
    EXPECT_EQ(Value(s, "rehearsal.share") == "0.6", is_recipe) << s.name;
    EXPECT_EQ(Value(s, "train.batch") == "20", is_recipe) << s.name;
    EXPECT_EQ(s.steps == 1.5, is_recipe) << s.name;
    EXPECT_EQ(Value(s, "probe.every") == "20", is_recipe) << s.name;  // Three times in 60 steps.
  }
}

TEST(ContinualConfig, QuickIsOneSeedOfAFew) {
  ContinualConfig config;
  config.quick = true;
  ASSERT_TRUE(ResolveContinual(config).ok());
  EXPECT_EQ(config.seeds, 1);
  EXPECT_LT(config.strategies.size(), StrategyNames().size());
  ContinualConfig whole;
  ASSERT_TRUE(ResolveContinual(whole).ok());
  EXPECT_EQ(whole.strategies, StrategyNames());
}

TEST(ContinualConfig, DigitsAreFewAndNeedTheirFolder) {
  ContinualConfig config;
  config.digits = true;
  EXPECT_THAT(std::string(ResolveContinual(config).message()), HasSubstr("--digits"));
  config.data_folder = "digits";
  ASSERT_TRUE(ResolveContinual(config).ok());
  EXPECT_LE(config.images, 1288);
  EXPECT_LT(config.buffer_images, config.images / 5);
}

TEST(ContinualConfig, BadOnesAreNamed) {
  ContinualConfig one;
  one.domains = {"none"};
  EXPECT_THAT(std::string(ResolveContinual(one).message()), HasSubstr("domains"));
  ContinualConfig twice;
  twice.domains = {"none", "none"};
  EXPECT_THAT(std::string(ResolveContinual(twice).message()), HasSubstr("none,none"));
  ContinualConfig without;
  without.strategies = {"der"};
  EXPECT_THAT(std::string(ResolveContinual(without).message()), HasSubstr("sft"));
}

}  // namespace
}  // namespace sluice::study
