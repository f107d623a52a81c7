#include "worker/config/gate_config.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::config {
namespace {

using Arguments = std::vector<std::string>;

GateConfig ParsedGate(const Arguments& arguments) {
  OptionSet options("test", "");
  GateConfig config;
  DefineGateOptions(options, config);
  const absl::StatusOr<bool> go_on = options.Parse(arguments);
  EXPECT_TRUE(go_on.ok()) << go_on.status();
  return config;
}

TEST(GateConfigTest, PoliciesAreWhatTheOptionsSay) {
  const gate::GateSettings settings = ResolveGates(
      ParsedGate({"--gate.mode=selective", "--gate.scorer=margin", "--gate.temperature=1.5",
                  "--gate.policy=budget", "--gate.threshold=0.4", "--gate.rate=0.3",
                  "--gate.floor=0.1", "--gate.ceiling=0.6", "--gate.budget_scope=batch"}));
  EXPECT_EQ(settings.mode, gate::Mode::kSelective);
  EXPECT_EQ(settings.scorer, gate::Scorer::kMargin);
  EXPECT_EQ(settings.gates[0].temperature, 1.5);
  EXPECT_FALSE(settings.shadow);
  EXPECT_TRUE(settings.decides());
  ASSERT_EQ(settings.gates.size(), 1u);
  EXPECT_EQ(settings.gates[0].layer, 1);
  const gate::Policy& policy = settings.gates[0].policy;
  EXPECT_EQ(policy.kind, gate::PolicyKind::kBudget);
  EXPECT_EQ(policy.threshold, 0.4);
  EXPECT_EQ(policy.rate, 0.3);
  EXPECT_EQ(policy.floor, 0.1);
  EXPECT_EQ(policy.ceiling, 0.6);
  EXPECT_TRUE(policy.batch_budget);
  EXPECT_FALSE(ResolveGates({}).gates[0].policy.batch_budget);
  GateConfig balanced;
  balanced.budget_scope = "ranks";
  EXPECT_TRUE(ResolveGates(balanced).gates[0].policy.batch_budget);
  EXPECT_FALSE(ResolveGates({}).decides());
}

TEST(GateConfigTest, AListHasOneValueForAllGatesOrOneForEach) {
  const gate::GateSettings settings = ResolveGates(ParsedGate(
      {"--gate.layer=1,3,4", "--gate.rate=0.5", "--gate.threshold=0.1,0.2,0.3", "--gate.shadow"}));
  ASSERT_EQ(settings.gates.size(), 3u);
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(settings.gates[k].layer, (std::vector<int64_t>{1, 3, 4}[k]));
    EXPECT_EQ(settings.gates[k].policy.rate, 0.5);
    EXPECT_DOUBLE_EQ(settings.gates[k].policy.threshold, 0.1 * static_cast<double>(k + 1));
  }
  EXPECT_EQ(settings.mode, gate::Mode::kDense);
  EXPECT_TRUE(settings.decides());
}

TEST(GateConfigTest, ModesHaveTheirNames) {
  for (const auto& [name, mode] : {std::pair{"dense", gate::Mode::kDense},
                                   {"mask", gate::Mode::kMask},
                                   {"selective", gate::Mode::kSelective},
                                   {"compact", gate::Mode::kCompact}}) {
    EXPECT_EQ(ResolveGates(ParsedGate({std::string("--gate.mode=") + name})).mode, mode) << name;
  }
}

TEST(GateConfigTest, TheHeadIsTrainedWhereTheScorerReadsItOrOnRequest) {
  const auto trains = [](const std::string& mode, const std::string& scorer,
                         const std::string& train_head, bool shadow = false) {
    GateConfig gate;
    gate.mode = mode;
    gate.scorer = scorer;
    gate.train_head = train_head;
    gate.shadow = shadow;
    return ResolveGates(gate).train_head;
  };
  EXPECT_TRUE(trains("compact", "head", "auto"));
  EXPECT_TRUE(trains("selective", "information", "auto"));
  EXPECT_FALSE(trains("compact", "random", "auto"));
  EXPECT_FALSE(trains("compact", "attention", "auto"));
  EXPECT_FALSE(trains("dense", "head", "auto"));
  EXPECT_TRUE(trains("dense", "head", "auto", /*shadow=*/true));
  EXPECT_TRUE(trains("dense", "random", "on"));
  GateConfig by_image = ParsedGate({"--gate.mode=compact", "--gate.image_theta=0.2"});
  EXPECT_TRUE(ResolveGates(by_image).train_head);  // It reads the head, if the scorer does not.
  EXPECT_EQ(ResolveGates(by_image).image_theta, 0.2);
  EXPECT_FALSE(trains("compact", "head", "off"));
}

TEST(GateConfigTest, WhatDoesNotFitIsRefused) {
  struct Case {
    Arguments arguments;
    std::vector<std::string> parts;
  };
  const Case cases[] = {
      {{"--gate.layer=3,2"}, {"gate.layer", "'3,2'", "rising order"}},
      {{"--gate.layer=2,2"}, {"gate.layer", "'2,2'", "rising order"}},
      {{"--gate.layer=1,2,3,4,5"}, {"gate.layer", "'1,2,3,4,5'", "1 to 4"}},
      {{"--gate.layer=1,6"}, {"gate.layer", "'1,6'", "depth, 6"}},
      {{"--gate.layer=1,2,3", "--gate.rate=0.5,0.4"}, {"gate.rate", "'0.5,0.4'", "3 gates"}},
      {{"--gate.threshold=0.5,0.4"}, {"gate.threshold", "'0.5,0.4'", "one value"}},
      {{"--gate.layer=1,2", "--gate.rate=0.3,0.4"}, {"gate.rate", "'0.3,0.4'", "do not rise"}},
      {{"--gate.layer=1,2", "--gate.policy=budget", "--gate.rate=0.3,0"},
       {"gate.rate", "'0.3,0'", "above 0"}},
      {{"--gate.image_theta=0.5"}, {"gate.image_theta", "'0.5'", "0 without gates"}},
      {{"--gate.mode=compact", "--gate.score_ttl=2"}, {"gate.score_ttl", "gate.image_theta"}},
      {{"--gate.mode=compact", "--gate.calibrate"}, {"gate.calibrate", "no uncertainty head"}},
      {{"--gate.anneal_steps=6", "--gate.grow_steps=5"},
       {"gate.anneal_steps", "'6'", "train.steps", "5"}},
  };
  for (const Case& c : cases) {
    const absl::Status status = ValidateGateConfig(ParsedGate(c.arguments), 6, 10);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.arguments[0];
    for (const std::string& part : c.parts)
      EXPECT_NE(std::string(status.message()).find(part), std::string::npos)
          << part << " in " << status;
  }
  EXPECT_TRUE(ValidateGateConfig(ParsedGate({"--gate.layer=1,2,5", "--gate.rate=0.5,0.5,0.1",
                                             "--gate.anneal_steps=6", "--gate.grow_steps=4"}),
                                 6, 10)
                  .ok());
}

}  // namespace
}  // namespace sluice::config
