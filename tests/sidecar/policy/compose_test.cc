#include "sidecar/policy/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

ComposeInput InputFor(double proposed, double previous) {
  ComposeInput input;
  input.proposal = {proposed, "ema: input"};
  for (double& w : input.weights) w = 1.0 / kScoreBins;
  input.previous_base = previous;
  return input;
}

TEST(Compose, PolicyAloneDecides) {
  const Decision decision = Compose(InputFor(0.51, 0.5), {});
  EXPECT_EQ(decision.threshold, 0.51);
  EXPECT_EQ(decision.decided_by, "policy");
  EXPECT_THAT(decision.reason, HasSubstr("ema: input"));
  EXPECT_THAT(decision.reason, HasSubstr("decided by policy"));
}

TEST(Compose, ChangeLimitAppliesAfterTheGuard) {
  const Decision decision = Compose(InputFor(1.0, 0.5), {});
  EXPECT_NEAR(decision.threshold, 0.52, 1e-12);
  EXPECT_EQ(decision.decided_by, "guard + change limit");
}

TEST(Compose, GuardAloneDecides) {
  ComposeInput input = InputFor(1.0, 0.5);
  input.previous_base = 1.0;
  const Decision decision = Compose(input, {0.1, 0.9, 1.0});
  EXPECT_EQ(decision.decided_by, "guard");
  EXPECT_NEAR(ShareAbove(input.weights, decision.threshold), 0.1, 1e-9);
}

TEST(Compose, BreakerWinsOverGuardAndStaysOutsideTheRecursion) {
  ComposeInput input = InputFor(0.9, 0.9);
  input.breaker_offset = 0.1;
  const Decision decision = Compose(input, {0.1, 0.9, 1.0});
  EXPECT_LT(ShareAbove(input.weights, decision.threshold), 0.1);
  EXPECT_NEAR(decision.threshold - decision.base, 0.1, 1e-12);
  EXPECT_THAT(decision.decided_by, HasSubstr("breaker"));
}

TEST(Compose, StaysInRange) {
  ComposeInput input = InputFor(0.9, 0.9);
  input.breaker_offset = 0.5;
  const Decision decision = Compose(input, {0.0, 1.0, 1.0});
  EXPECT_EQ(decision.threshold, 1.0);
  EXPECT_THAT(decision.decided_by, HasSubstr("range"));
}

}  // namespace
}  // namespace sluice::sidecar
