#include "sidecar/policy/ema_threshold.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

TEST(EmaThreshold, FollowsTheFormulaAndNamesItsInput) {
  const Proposal proposal = EmaThreshold(0.2, 0.6, 0.05);
  EXPECT_DOUBLE_EQ(proposal.threshold, 0.05 * 0.6 + 0.95 * 0.2);
  EXPECT_EQ(proposal.reason, "ema: mean score 0.6000, alpha 0.05");
}

TEST(EmaThreshold, SettlesAtTheMean) {
  double threshold = 0.1;
  for (int i = 0; i < 1000; ++i) threshold = EmaThreshold(threshold, 0.7, 0.05).threshold;
  EXPECT_NEAR(threshold, 0.7, 1e-9);
}

}  // namespace
}  // namespace sluice::sidecar
