#include "worker/study/continual_strategies.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sluice::study {
namespace {

std::string Value(const TrainOptions& options, const std::string& name) {
  std::string value;
  for (const auto& [key, text] : options) {
    if (key == name) value = text;
  }
  return value;
}

Strategy StrategyOf(const StrategyOptions& options, const std::string& name) {
  for (const Strategy& strategy : MakeStrategies(options)) {
    if (strategy.name == name) return strategy;
  }
  ADD_FAILURE() << "no strategy '" << name << "'";
  return {};
}

std::string Option(const std::string& strategy, const std::string& name,
                   const StrategyOptions& options = {}) {
  return Value(StrategyOf(options, strategy).options, name);
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
    EXPECT_EQ(!Value(s.options, "rehearsal.share").empty() || s.equal_shares, s.buffer_images > 0)
        << s.name;
    EXPECT_EQ(!Value(s.options, "probe.every").empty(), s.probe_images > 0) << s.name;
    EXPECT_EQ(!Value(s.options, "ewc.lambda").empty(), s.fisher_images > 0) << s.name;
    EXPECT_EQ(Value(s.options, "gate.mode") == "compact" && s.name != "sluice",
              s.steps == options.gated_steps)
        << s.name;
  }
}

TEST(ContinualStrategies, TheLearningRateIsTheSameForAllButOne) {
  StrategyOptions options;
  options.lr = 0.03;
  for (const Strategy& strategy : MakeStrategies(options)) {
    const double expected = strategy.name == "low_lr" ? 0.003 : 0.03;
    EXPECT_DOUBLE_EQ(std::atof(Value(strategy.options, "train.lr").c_str()), expected)
        << strategy.name;
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
    EXPECT_EQ(Value(s.options, "gate.rate") == "0.11", is_recipe) << s.name;
    EXPECT_EQ(Value(s.options, "rehearsal.share") == "0.6", is_recipe) << s.name;
    EXPECT_EQ(Value(s.options, "train.batch") == "20", is_recipe) << s.name;
    EXPECT_EQ(s.steps == 1.5, is_recipe) << s.name;
    EXPECT_EQ(Value(s.options, "probe.every") == "20", is_recipe) << s.name;  // Thrice in 60 steps.
  }
}

TEST(ContinualStrategies, InAsFewStepsAsChecksThereIsOneEveryStep) {
  StrategyOptions options;
  options.steps = 1;
  options.recipe_steps = 1.0;
  EXPECT_EQ(Option("sluice", "probe.every", options), "1");
}

TEST(ContinualStrategies, JointKeepsWholeDomainsAndOthersABuffer) {
  StrategyOptions options;
  options.images = 1234;
  options.buffer_images = 56;
  const Strategy joint = StrategyOf(options, "joint");
  EXPECT_TRUE(joint.equal_shares);
  EXPECT_EQ(joint.buffer_images, 1234);
  for (const std::string name : {"replay", "der", "sluice"}) {
    EXPECT_EQ(StrategyOf(options, name).buffer_images, 56) << name;
    EXPECT_FALSE(StrategyOf(options, name).equal_shares) << name;
  }
  EXPECT_EQ(StrategyOf(options, "sft").buffer_images, 0);
}

TEST(ContinualStrategies, OneHasAnExpertPerDomainWithHeadsToChooseBy) {
  for (const Strategy& strategy : MakeStrategies({}))
    EXPECT_EQ(strategy.expert_per_domain, strategy.name == "adapter_per_domain") << strategy.name;
  for (const auto& [name, value] : ExpertHeads())
    EXPECT_EQ(Option("adapter_per_domain", name), value) << name;
  EXPECT_EQ(Option("adapter_per_domain", "adapters.only"), "true");
  EXPECT_EQ(Option("lora", "gate.train_head"), "") << "it is asked for no certainty";
}

}  // namespace
}  // namespace sluice::study
