#include "sidecar/policy/guard.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

ScoreWeights Uniform() {
  ScoreWeights weights{};
  for (double& w : weights) w = 1.0 / kScoreBins;
  return weights;
}

TEST(Guard, LowersAThresholdThatOpensTooFew) {
  const Guarded guarded = Guard(1.0, Uniform(), 0.1, 0.9);
  EXPECT_TRUE(guarded.acted);
  EXPECT_EQ(guarded.predicted_rate, 0.0);
  EXPECT_NEAR(ShareAbove(Uniform(), guarded.threshold), 0.1, 1e-12);
}

TEST(Guard, RaisesAThresholdThatOpensTooMany) {
  const Guarded guarded = Guard(0.0, Uniform(), 0.1, 0.9);
  EXPECT_TRUE(guarded.acted);
  EXPECT_NEAR(ShareAbove(Uniform(), guarded.threshold), 0.9, 1e-12);
}

TEST(Guard, LetsPassWhatIsInsideAndItsOwnAnswer) {
  const Guarded inside = Guard(0.5, Uniform(), 0.1, 0.9);
  EXPECT_FALSE(inside.acted);
  EXPECT_EQ(inside.threshold, 0.5);
  EXPECT_FALSE(Guard(Guard(1.0, Uniform(), 0.1, 0.9).threshold, Uniform(), 0.1, 0.9).acted);
}

TEST(Guard, LetsPassWithoutAnyToken) { EXPECT_FALSE(Guard(0.4, {}, 0.1, 0.9).acted); }

}  // namespace
}  // namespace sluice::sidecar
