#include "worker/train/probe_finding.h"

#include <gtest/gtest.h>

namespace sluice::train {
namespace {

ProbeFinding Found(double loss, double baseline, double standard_error) {
  ProbeFinding finding;
  finding.loss = loss;
  finding.baseline_loss = baseline;
  finding.standard_error = standard_error;
  return finding;
}

TEST(ProbeFindingTest, TheRiseIsRelativeToTheBaseline) {
  EXPECT_NEAR(Found(0.55, 0.5, 0.0).delta(), 0.1, 1e-12);
  EXPECT_NEAR(Found(0.4, 0.5, 0.0).delta(), -0.2, 1e-12);
  EXPECT_EQ(Found(0.5, 0.5, 0.0).delta(), 0.0);
}

TEST(ProbeFindingTest, TheLimitIsTwoPercentOrTwiceTheStandardErrorOverTheBaseline) {
  EXPECT_EQ(Found(0.5, 0.5, 0.0).limit(), 0.02);
  EXPECT_EQ(Found(0.5, 0.5, 0.004).limit(), 0.02);
  EXPECT_DOUBLE_EQ(Found(0.5, 0.5, 0.01).limit(), 0.04);
  EXPECT_DOUBLE_EQ(Found(2.0, 2.0, 0.04).limit(), 0.04);
}

TEST(ProbeFindingTest, WorseIsAboveTheLimit) {
  EXPECT_FALSE(Found(0.51, 0.5, 0.01).is_worse()) << "of 4 %";
  EXPECT_TRUE(Found(0.525, 0.5, 0.01).is_worse());
  EXPECT_FALSE(Found(1.019, 1.0, 0.0).is_worse());
  EXPECT_TRUE(Found(1.021, 1.0, 0.0).is_worse());
  EXPECT_FALSE(Found(0.1, 1.0, 0.0).is_worse());
  EXPECT_TRUE(Found(kNotFiniteLoss, 1.0, 0.0).is_worse());
}

}  // namespace
}  // namespace sluice::train
