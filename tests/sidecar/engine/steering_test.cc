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
}

TEST(Steer, BudgetHasNoThresholdDirective) {
  RunRecord run = RunWith("budget", 0.3, 0.25);
  const SteeringResult result = Steer(WindowOf(10), {}, run);
  EXPECT_FALSE(result.directive.has_value());
  EXPECT_TRUE(result.decisions.empty());
  EXPECT_THAT(result.reason, HasSubstr("gate policy is budget"));
  EXPECT_DOUBLE_EQ(run.steering[0].last_rate, 0.4);
  EXPECT_EQ(SetThreshold(testing::kLayer, 0.5, "", {}, run).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Steer, NoTokensNoDecision) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  const SteeringResult result = Steer({1, 10, {}, 1.0}, {}, run);
  EXPECT_FALSE(result.directive.has_value());
  EXPECT_THAT(result.reason, HasSubstr("no tokens in the window"));
}

// Two gates, of whose 100 tokens the first closes 60: the second scores 40, half of them 0.3 and
// half 0.7, and opens 20.
ClosedWindow WindowOfTwoGates() {
  ClosedWindow window = WindowOf(10);
  window.counts.layer_count = 2;
  LayerCounters& second = window.counts.layers[1];
  second.layer = testing::kLayer + 2;
  second.tokens_open = 20;
  second.tokens_closed = 80;
  second.score_sum_micro = 20 * 300000 + 20 * 700000;
  second.score_square_sum_micro = 20 * 90000 + 20 * 490000;
  second.score_histogram[ScoreBin(0.3)] = 20;
  second.score_histogram[ScoreBin(0.7)] = 20;
  return window;
}

RunRecord RunOfTwoGates(double threshold, double target_rate) {
  RunRecord run = RunWith("threshold", 0.5, 0.0);
  run.gates.push_back({testing::kLayer + 2, "head", "threshold", threshold, target_rate});
  ReconcileSteering(run);
  return run;
}

TEST(Steer, TheMeanIsOfTheTokensThatAnEarlierGateLeftOpen) {
  RunRecord run = RunOfTwoGates(0.45, 0.0);
  const SteeringResult result = Steer(WindowOfTwoGates(), WithoutGuard(), run);
  const LayerSteering& second = run.steering[1];
  EXPECT_NEAR(second.last_mean, 0.5, 1e-12);
  EXPECT_NEAR(second.ema_mean, 0.5, 1e-12);
  EXPECT_NEAR(second.last_stddev, 0.2, 1e-9);
  EXPECT_DOUBLE_EQ(second.last_rate, 0.2);  // Of all tokens, as the weights are.
  EXPECT_NEAR(second.ema_weights[ScoreBin(0.7)], 0.2, 1e-12);
  EXPECT_NEAR(second.ema_weights[0], 0.6, 1e-12);
  ASSERT_TRUE(result.directive.has_value());
  EXPECT_NEAR(result.directive->layers[1].threshold, 0.05 * 0.5 + 0.95 * 0.45, 1e-12);
  EXPECT_NEAR(run.steering[0].last_mean, 0.5, 1e-12);
  EXPECT_EQ(result.decisions[1].tokens, 100u);
}

TEST(Steer, ATargetRateIsOfAllTokensAlsoBehindAnotherGate) {
  PolicyOptions options = WithoutGuard();
  options.limits.max_change = 1.0;
  // 20 of the 100 tokens lie about 0.7 and 20 about 0.3: 10 % is the middle of the upper bin and
  // 30 % that of the lower one. Of the 40 scored tokens both would be in the upper one.
  for (const auto& [rate, score] : {std::pair{0.1, 0.7}, {0.3, 0.3}}) {
    RunRecord run = RunOfTwoGates(0.5, rate);
    const SteeringResult result = Steer(WindowOfTwoGates(), options, run);
    ASSERT_EQ(result.decisions.size(), 2u);
    EXPECT_EQ(ScoreBin(result.decisions[1].threshold), ScoreBin(score)) << rate;
    EXPECT_NEAR(result.decisions[1].predicted_rate, rate, 1e-9);
  }
}

TEST(Steer, AWindowInWhichAnEarlierGateClosedAllLeavesTheAverages) {
  RunRecord run = RunOfTwoGates(0.45, 0.0);
  Steer(WindowOfTwoGates(), WithoutGuard(), run);
  const LayerSteering before = run.steering[1];
  ClosedWindow window = WindowOfTwoGates();
  window.counts.layers[1] = LayerCounters{};
  window.counts.layers[1].layer = testing::kLayer + 2;
  window.counts.layers[1].tokens_closed = 100;
  const SteeringResult result = Steer(window, WithoutGuard(), run);
  EXPECT_EQ(result.decisions.size(), 1u);
  EXPECT_THAT(result.reason, HasSubstr("layer 4: no token has a score"));
  LayerSteering expected = before;
  expected.last_rate = 0.0;
  EXPECT_EQ(run.steering[1], expected);
}

TEST(Steer, TheBreakersOffsetStandsOutsideTheRecursion) {
  RunRecord plain = RunWith("threshold", 0.45, 0.0);
  RunRecord raised = plain;
  raised.breaker.level = kRaiseOnce;
  for (uint64_t step = 10; step <= 50; step += 10) {
    ClosedWindow window = WindowOf(10);
    window.last_step = step;
    Steer(window, WithoutGuard(), plain);
    Steer(window, WithoutGuard(), raised);
    EXPECT_EQ(raised.steering[0].base, plain.steering[0].base);
    EXPECT_NEAR(raised.in_force->layers[0].threshold, plain.steering[0].base + 0.05, 1e-12);
  }
  EXPECT_EQ(raised.in_force->breaker_level, 1u);
  EXPECT_EQ(raised.in_force->breaker_action, BreakerAction::kTighten);
  EXPECT_THAT(raised.in_force->reason, HasSubstr("decided by breaker"));
}

TEST(Steer, TheBreakerLowersTheRateThatIsAimedAt) {
  RunRecord run = RunWith("threshold", 0.5, 0.4);
  run.breaker.level = kRaiseTwice;
  const SteeringResult result = Steer(WindowOf(10), WithoutGuard(), run);
  EXPECT_THAT(result.reason, HasSubstr("target_rate: quantile 0.8000"));
  EXPECT_EQ(result.decisions[0].breaker_offset, 0.0);
}

// A gate that opens little because the breaker asks for it is no gate that starves.
TEST(Steer, AGateThatTheBreakerTightensDoesNotStarve) {
  RunRecord run = RunWith("threshold", 0.49, 0.0);
  run.breaker.level = kRaiseTwice;
  PolicyOptions options;
  options.limits.guard_high = 1.0;
  options.limits.max_change = 1.0;
  ClosedWindow window = WindowOf(10);
  window.counts.layers[0].tokens_open = 0;
  window.counts.layers[0].tokens_closed = 100;
  const SteeringResult result = Steer(window, options, run);
  EXPECT_NEAR(result.decisions[0].base, 0.05 * 0.5 + 0.95 * 0.49, 1e-12) << result.reason;
}

TEST(ApplyBreaker, ARateIsLoweredWhereItIsTheLever) {
  RunRecord run = RunWith("sample", 0.3, 0.4);
  const PolicyOptions options;
  for (const auto& [level, rate] : {std::pair{1u, 0.3}, {2u, 0.2}, {0u, 0.4}}) {
    run.breaker.level = level;
    const Directive directive = ApplyBreaker({true, HoldingAction(level), "why"}, 7, options, run);
    EXPECT_DOUBLE_EQ(directive.layers[0].target_rate, rate);
    EXPECT_EQ(directive.layers[0].threshold, 0.3);
    EXPECT_EQ(directive.breaker_level, level);
    EXPECT_EQ(run.in_force, directive);
  }
  EXPECT_EQ(run.version, 3u);
}

TEST(SetThreshold, APersonsThresholdHasTheBreakersPartInIt) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  run.breaker.level = kRaiseOnce;
  const auto directive = SetThreshold(testing::kLayer, 0.5, "", {}, run);
  ASSERT_TRUE(directive.ok());
  EXPECT_EQ(directive->layers[0].threshold, 0.5);
  EXPECT_NEAR(run.steering[0].base, 0.45, 1e-12);
}

TEST(AdoptDirective, TheBreakersLevelIsAdoptedToo) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  Directive directive;
  directive.version = 6;
  directive.breaker_level = 2;
  directive.layers = {{testing::kLayer, 0.7, 0.0}};
  EXPECT_TRUE(AdoptDirective(directive, {}, run));
  EXPECT_EQ(run.breaker.level, 2u);
  EXPECT_NEAR(run.steering[0].base, 0.6, 1e-12);
}

TEST(AdoptDirective, OnlyAboveOurs) {
  RunRecord run = RunWith("threshold", 0.3, 0.0);
  run.version = 5;
  Directive directive;
  directive.version = 5;
  EXPECT_FALSE(AdoptDirective(directive, {}, run));
  directive.version = 6;
  directive.layers = {{testing::kLayer, 0.7, 0.0}};
  EXPECT_TRUE(AdoptDirective(directive, {}, run));
  EXPECT_EQ(run.steering[0].base, 0.7);
}

}  // namespace
}  // namespace sluice::sidecar
