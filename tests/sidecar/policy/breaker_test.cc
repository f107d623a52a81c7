#include "sidecar/policy/breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

// A breaker with its options; checks come ten steps apart.
struct Ladder {
  explicit Ladder(const std::string& last_rung = "rollback") { options.last_rung = last_rung; }
  BreakerDecision Check(double delta, const std::string& probe = "old") {
    step += 10;
    return StepBreaker(probe, {step, delta, 0.0}, options, state);
  }
  // The last decision of `count` checks.
  BreakerDecision Checks(int count, double delta) {
    BreakerDecision decision;
    for (int i = 0; i < count; ++i) decision = Check(delta);
    return decision;
  }
  BreakerOptions options;
  BreakerState state;
  uint64_t step = 0;
};

TEST(Breaker, ThreeInARowGoOneRungUp) {
  Ladder ladder;
  EXPECT_FALSE(ladder.Checks(2, 0.03).changed);
  const BreakerDecision decision = ladder.Check(0.03);
  EXPECT_TRUE(decision.changed);
  EXPECT_EQ(decision.action, BreakerAction::kTighten);
  EXPECT_EQ(decision.reason,
            "breaker: level 0 to 1 (tighten) at step 30: probe old: loss +3.00 % over its "
            "baseline, limit 2.00 %, 3 in a row above it, 0 under half of it");
  EXPECT_EQ(ladder.state.level, 1u);
  EXPECT_EQ(ladder.state.since_step, 30u);
  EXPECT_EQ(ladder.state.reason, decision.reason);
}

TEST(Breaker, EveryRungTakesThreeChecksAndAsksForItsOwn) {
  Ladder ladder;
  const BreakerAction expected[] = {BreakerAction::kTighten, BreakerAction::kTighten,
                                    BreakerAction::kRehearse, BreakerAction::kFreezeBackbone,
                                    BreakerAction::kRollBack};
  for (uint32_t level = 1; level <= kRollBack; ++level) {
    EXPECT_FALSE(ladder.Checks(2, 0.5).changed) << level;
    EXPECT_EQ(ladder.Check(0.5).action, expected[level - 1]) << level;
    EXPECT_EQ(ladder.state.level, level);
  }
}

TEST(Breaker, WhatHoldsOnALevelHoldsAboveIt) {
  const BreakerOptions options;
  const double offsets[] = {0.0, 0.05, 0.1, 0.1, 0.1, 0.1};
  const double rates[] = {0.4, 0.3, 0.2, 0.2, 0.2, 0.2};
  for (uint32_t level = 0; level <= kRollBack; ++level) {
    EXPECT_DOUBLE_EQ(ThresholdOffset(level, options), offsets[level]);
    EXPECT_DOUBLE_EQ(TightenedRate(0.4, level), rates[level]);
    EXPECT_EQ(RehearsalShare(level, options), level >= 3 ? 0.25 : 0.0);
  }
  EXPECT_EQ(HoldingAction(0), BreakerAction::kNone);
  EXPECT_EQ(HoldingAction(2), BreakerAction::kTighten);
  EXPECT_EQ(HoldingAction(3), BreakerAction::kRehearse);
  EXPECT_EQ(HoldingAction(4), BreakerAction::kFreezeBackbone);
  EXPECT_EQ(HoldingAction(5), BreakerAction::kFreezeBackbone);  // A roll-back is not repeated.
}

TEST(Breaker, AGoodCheckBeginsTheCountAnew) {
  Ladder ladder;
  ladder.Checks(2, 0.03);
  ladder.Check(0.015);  // Neither above the limit nor under half of it.
  EXPECT_FALSE(ladder.Checks(2, 0.03).changed);
  EXPECT_EQ(ladder.state.level, 0u);
  EXPECT_TRUE(ladder.Check(0.03).changed);
}

TEST(Breaker, BetweenHalfTheLimitAndTheLimitItStays) {
  Ladder ladder;
  ladder.Checks(6, 0.03);
  ASSERT_EQ(ladder.state.level, 2u);
  EXPECT_FALSE(ladder.Checks(30, 0.015).changed);
  EXPECT_FALSE(ladder.Checks(2, 0.009).changed);
  ladder.Check(0.011);  // Ends the count.
  EXPECT_FALSE(ladder.Checks(2, 0.009).changed);
  const BreakerDecision decision = ladder.Check(0.009);
  EXPECT_TRUE(decision.changed);
  EXPECT_THAT(decision.reason, HasSubstr("level 2 to 1 (tighten)"));
  EXPECT_EQ(ladder.Checks(3, -0.5).action, BreakerAction::kNone);
  EXPECT_EQ(ladder.state.level, 0u);
  EXPECT_FALSE(ladder.Checks(9, 0.0).changed);
}

TEST(Breaker, NoiseWidensTheLimit) {
  Ladder ladder;
  for (uint64_t step = 1; step <= 9; ++step) {
    EXPECT_FALSE(StepBreaker("old", {step, 0.05, 0.03}, ladder.options, ladder.state).changed);
  }
  for (uint64_t step = 10; step <= 12; ++step) {
    StepBreaker("old", {step, 0.07, 0.03}, ladder.options, ladder.state);
  }
  EXPECT_EQ(ladder.state.level, 1u);
}

TEST(Breaker, AStepThatWasCountedDoesNotCountAgain) {
  Ladder ladder;
  for (int i = 0; i < 9; ++i) {
    StepBreaker("old", {10, 0.03, 0.0}, ladder.options, ladder.state);
  }
  EXPECT_EQ(ladder.state.streaks.at("old").worse, 1u);
  ForgetAfter(4, ladder.state);  // Back at step 4: step 10 will be another one.
  EXPECT_EQ(ladder.state.streaks.at("old").worse, 0u);
  StepBreaker("old", {10, 0.03, 0.0}, ladder.options, ladder.state);
  EXPECT_EQ(ladder.state.streaks.at("old").worse, 1u);
}

TEST(Breaker, OneProbeTripsItAndEveryProbeHasToBeCalm) {
  Ladder ladder;
  for (int i = 0; i < 2; ++i) {
    ladder.Check(0.03, "a");
    ladder.Check(0.0, "b");
  }
  EXPECT_TRUE(ladder.Check(0.03, "a").changed);
  EXPECT_FALSE(ladder.Checks(3, 0.0).changed) << "a and b have not been calm since";
  for (int i = 0; i < 3; ++i) ladder.Check(0.0, "a");
  EXPECT_EQ(ladder.state.level, 1u);
  for (int i = 0; i < 2; ++i) ladder.Check(0.0, "b");
  EXPECT_TRUE(ladder.Check(0.0, "b").changed);
  EXPECT_EQ(ladder.state.level, 0u);
}

// Two probes, of which one is no longer checked: the breaker at level 1, `a` checked every ten
// steps from step 60 on. The step at which it goes down; 0 if it does not within 400 steps.
uint64_t StepDownWithout(const std::vector<uint64_t>& checks_of_b, std::string* reason) {
  Ladder ladder;
  for (uint64_t step : {10, 20, 30}) {
    StepBreaker("a", {step, 0.5, 0.0}, ladder.options, ladder.state);
  }
  EXPECT_EQ(ladder.state.level, 1u);
  for (const uint64_t step : checks_of_b) {
    StepBreaker("b", {step, 0.015, 0.0}, ladder.options, ladder.state);
  }
  for (uint64_t step = 60; step <= 460; step += 10) {
    const auto decision = StepBreaker("a", {step, 0.0, 0.0}, ladder.options, ladder.state);
    if (!decision.changed) continue;
    *reason = decision.reason;
    return step;
  }
  return 0;
}

TEST(Breaker, AProbeThatIsNotCheckedAnyMoreHasNoSay) {
  std::string reason;
  EXPECT_EQ(StepDownWithout({40}, &reason), 140u) << "ten intervals of the one that is checked";
  EXPECT_THAT(reason, HasSubstr("level 1 to 0 (none) at step 140"));
  EXPECT_THAT(reason, HasSubstr("; probe b has no say, its last check was at step 40"));
  EXPECT_EQ(StepDownWithout({30, 50}, &reason), 250u) << "ten intervals of its own";
  EXPECT_EQ(StepDownWithout({10, 50}, &reason), 450u);
  EXPECT_EQ(StepDownWithout({8, 50}, &reason), 0u);
}

// The worker sends the reason back in its Hello, where 4096 bytes are the most.
TEST(Breaker, ManySilentProbesMakeNoLongReason) {
  Ladder ladder;
  for (int i = 0; i < 60; ++i) {
    StepBreaker(std::string(120, 'n') + std::to_string(i), {5, 0.5, 0.0}, ladder.options,
                ladder.state);
  }
  ladder.Checks(3, 0.5);
  BreakerDecision decision;
  for (int i = 0; i < 20 && !decision.changed; ++i) decision = ladder.Check(0.0);
  ASSERT_TRUE(decision.changed);
  EXPECT_THAT(decision.reason, HasSubstr("; so have 57 more"));
  EXPECT_LT(decision.reason.size(), 1000u);
}

// It is slower than the other, not gone.
TEST(Breaker, AProbeThatIsSeldomCheckedKeepsItsSay) {
  Ladder ladder;
  ladder.Checks(3, 0.5);
  ASSERT_EQ(ladder.state.level, 1u);
  StepBreaker("slow", {40, 0.015, 0.0}, ladder.options, ladder.state);
  for (uint64_t step = 240; step <= 4000; step += 10) {
    if (step % 200 == 40) StepBreaker("slow", {step, 0.015, 0.0}, ladder.options, ladder.state);
    const auto decision = StepBreaker("old", {step, 0.0, 0.0}, ladder.options, ladder.state);
    ASSERT_FALSE(decision.changed) << decision.reason;
  }
}

TEST(Breaker, AProbeThatComesBackHasItsSayAgain) {
  Ladder ladder;
  ladder.Check(0.0, "b");
  ladder.Checks(6, 0.5);
  ASSERT_EQ(ladder.state.level, 2u);
  EXPECT_FALSE(ladder.Checks(3, 0.0).changed);
  EXPECT_TRUE(ladder.Check(0.0).changed) << "b was checked at step 10 alone";
  EXPECT_FALSE(ladder.Check(0.015, "b").changed);
  EXPECT_FALSE(ladder.Checks(9, 0.0).changed);
  EXPECT_EQ(ladder.state.level, 1u);
  for (int i = 0; i < 3; ++i) ladder.Check(0.0, "b");
  EXPECT_EQ(ladder.state.level, 0u);
}

TEST(Breaker, ALevelAboveTheLastRungComesDownToIt) {
  const std::pair<const char*, uint32_t> cases[] = {
      {"none", 0}, {"raise", 2}, {"rehearse", 3}, {"freeze", 4}};
  for (const auto& [name, level] : cases) {
    Ladder ladder(name);
    ladder.state.level = kRollBack;
    ladder.state.streaks["old"] = {40, 2, 0, 10};
    const BreakerDecision decision = BoundLevel(50, ladder.options, ladder.state);
    EXPECT_TRUE(decision.changed);
    EXPECT_EQ(decision.action, HoldingAction(level)) << name;
    EXPECT_EQ(ladder.state.level, level);
    EXPECT_EQ(ladder.state.since_step, 50u);
    EXPECT_EQ(ladder.state.streaks.at("old").worse, 0u);
    EXPECT_THAT(decision.reason, HasSubstr("level 5 to " + std::to_string(level)));
    EXPECT_THAT(decision.reason, HasSubstr(std::string("breaker.last-rung is ") + name));
    const BreakerState bounded = ladder.state;
    EXPECT_FALSE(BoundLevel(60, ladder.options, ladder.state).changed);
    EXPECT_EQ(ladder.state, bounded);
  }
}

// What is measured before a rung has acted does not speak for the next one.
TEST(Breaker, ProbesThatAreCheckedTogetherTakeThreeChecksARungToo) {
  Ladder ladder;
  std::vector<uint64_t> changes;
  for (uint64_t step = 10; step <= 90; step += 10) {
    for (const char* probe : {"a", "b", "c"}) {
      const ProbeCheck check{step, 0.5, 0.0};
      if (StepBreaker(probe, check, ladder.options, ladder.state).changed) changes.push_back(step);
    }
  }
  EXPECT_THAT(changes, ::testing::ElementsAre(30, 60, 90));
  EXPECT_EQ(ladder.state.streaks.at("c").step, 90u);
  EXPECT_EQ(ladder.state.streaks.at("c").worse, 0u);
}

TEST(Breaker, BehindARollBackEarlierStepsCountAgain) {
  Ladder ladder;
  ladder.Checks(15, 0.5);
  ASSERT_EQ(ladder.state.since_step, 150u);
  ForgetAfter(20, ladder.state);
  EXPECT_EQ(ladder.state.since_step, 20u);
  ladder.step = 20;
  EXPECT_TRUE(ladder.Checks(3, 0.0).changed);
}

TEST(Breaker, TheLastRungAllowedIsTheLast) {
  const std::pair<const char*, uint32_t> cases[] = {
      {"none", 0}, {"raise", 2}, {"rehearse", 3}, {"freeze", 4}, {"rollback", 5}};
  for (const auto& [name, level] : cases) {
    Ladder ladder(name);
    EXPECT_EQ(HighestLevel(ladder.options), level);
    const BreakerDecision decision = ladder.Checks(40, 0.5);
    EXPECT_EQ(ladder.state.level, level) << name;
    EXPECT_FALSE(decision.changed);
    if (level < kRollBack) {
      EXPECT_THAT(decision.reason, HasSubstr(std::string("breaker.last-rung is ") + name));
    }
  }
}

TEST(Breaker, RollBacksAreBounded) {
  Ladder ladder;
  int rollbacks = 0;
  for (int i = 0; i < 60; ++i) {
    rollbacks += ladder.Check(0.5).action == BreakerAction::kRollBack ? 1 : 0;
  }
  EXPECT_EQ(rollbacks, 2);
  EXPECT_EQ(ladder.state.rollbacks, 2u);
  EXPECT_THAT(ladder.Check(0.5).reason, HasSubstr("no roll-back is left of 2"));
  ladder.Checks(3, 0.0);
  EXPECT_EQ(ladder.state.level, 4u);
  EXPECT_FALSE(ladder.Checks(9, 0.5).changed) << "none is left on the way up again either";
}

TEST(Breaker, ResetForgetsLevelCountsAndRollBacks) {
  Ladder ladder;
  ladder.Checks(15, 0.5);
  ladder.Checks(2, 0.5);
  ASSERT_EQ(ladder.state.level, kRollBack);
  ResetBreaker(170, "new probe", ladder.state);
  EXPECT_EQ(ladder.state.level, 0u);
  EXPECT_EQ(ladder.state.rollbacks, 0u);
  EXPECT_EQ(ladder.state.since_step, 170u);
  EXPECT_EQ(ladder.state.reason,
            "breaker: level 5 to 0 (none) at step 170: reset by hand: new probe");
  EXPECT_FALSE(ladder.Checks(2, 0.5).changed);
  EXPECT_TRUE(ladder.Check(0.5).changed);
}

}  // namespace
}  // namespace sluice::sidecar
