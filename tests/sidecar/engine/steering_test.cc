#include "sidecar/engine/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

RunRecord RunWith(const std::string& policy, double threshold, double target_rate) {
  RunRecord run;
  run.run = "r";
  run.gates = {{testing::kLayer, "head", policy, threshold, target_rate}};
  ReconcileSteering(run);
  return run;
}

// All tokens of these tests lie in one bin, where the guard would always act.
PolicyOptions WithoutGuard() {
  PolicyOptions options;
  options.limits.guard_low = 0.0;
  options.limits.guard_high = 1.0;
  return options;
}

ClosedWindow WindowOf(uint64_t steps) { return {1, steps, testing::CountersAt(steps), 1.0}; }

TEST(Steer, EmaMovesTowardsTheMean) {
  RunRecord run = RunWith("threshold", 0.45, 0.0);
  const SteeringResult result = Steer(WindowOf(10), WithoutGuard(), run);
  ASSERT_TRUE(result.directive.has_value());
  EXPECT_EQ(result.directive->version, 1u);
  EXPECT_EQ(result.directive->based_on_step, 10u);
  EXPECT_NEAR(result.directive->layers[0].threshold, 0.05 * 0.5 + 0.95 * 0.45, 1e-12);
  EXPECT_THAT(result.directive->reason, HasSubstr("layer 2: ema: mean score 0.5000"));
  EXPECT_EQ(run.in_force, result.directive);
}

TEST(Steer, AutoFollowsTheTargetRateUnderTheChangeLimit) {
  RunRecord run = RunWith("threshold", 0.3, 0.25);
  const SteeringResult result = Steer(WindowOf(10), {}, run);
  ASSERT_TRUE(result.directive.has_value());
  EXPECT_NEAR(result.directive->layers[0].threshold, 0.32, 1e-12);
  EXPECT_THAT(result.reason, HasSubstr("target_rate: quantile 0.7500"));
  EXPECT_THAT(result.reason, HasSubstr("decided by change limit"));
}

TEST(Steer, NoDirectiveForATinyChange) {
  RunRecord run = RunWith("threshold", 0.5, 0.0);
  const SteeringResult result = Steer(WindowOf(10), WithoutGuard(), run);
  EXPECT_FALSE(result.directive.has_value());
  ASSERT_EQ(result.decisions.size(), 1u);
  EXPECT_EQ(result.decisions[0].directive_version, 0u);
}

TEST(Steer, BudgetHasNoThresholdDirective) {
  RunRecord run = RunWith("budget", 0.3, 0.25);
  const SteeringResult result = Steer(WindowOf(10), {}, run);
  EXPECT_FALSE(result.directive.has_value());
  EXPECT_TRUE(result.decisions.empty());
  EXPECT_THAT(result.reason, HasSubstr("gate policy is budget"));
  EXPECT_DOUBLE_EQ(run.steering[0].last_rate, 0.4);
  EXPECT_EQ(SetThreshold(testing::kLayer, 0.5, "", run).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Steer, NoTokensNoDecision) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  const SteeringResult result = Steer({1, 10, {}, 1.0}, {}, run);
  EXPECT_FALSE(result.directive.has_value());
  EXPECT_THAT(result.reason, HasSubstr("no tokens in the window"));
}

TEST(AdoptDirective, OnlyAboveOurs) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  run.version = 5;
  Directive directive;
  directive.version = 5;
  EXPECT_FALSE(AdoptDirective(directive, run));
  directive.version = 6;
  directive.layers = {{testing::kLayer, 0.7, 0.0}};
  EXPECT_TRUE(AdoptDirective(directive, run));
  EXPECT_EQ(run.steering[0].base, 0.7);
}

}  // namespace
}  // namespace sluice::sidecar
