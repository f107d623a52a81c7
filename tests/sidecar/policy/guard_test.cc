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

// All scores alike, in the first bin: the prediction says 0.3 for a threshold inside it, and the
// window opened nothing.
TEST(Guard, OpensABinWhoseScoresAreAllAlike) {
  ScoreWeights weights{};
  weights[0] = 1.0;
  const double inside = ScoreQuantile(weights, 0.7);
  EXPECT_NEAR(ShareAbove(weights, inside), 0.3, 1e-12);
  const Guarded guarded = Guard(inside, weights, 0.1, 0.9, {inside, 0.0});
  EXPECT_TRUE(guarded.acted);
  EXPECT_EQ(guarded.threshold, 0.0);
  weights = {};
  weights[20] = 1.0;
  const double middle = ScoreQuantile(weights, 0.7);
  EXPECT_EQ(Guard(middle, weights, 0.1, 0.9, {middle, 0.0}).threshold, ScoreBinUpperEdge(19));
}

TEST(Guard, BelievesAPredictionThatHeldAndOneForAnotherBin) {
  EXPECT_FALSE(Guard(0.5, Uniform(), 0.1, 0.9, {0.5, 0.45}).acted);
  // Nothing open at 0.999, as predicted: no reason to distrust it at 0.5.
  EXPECT_FALSE(Guard(0.5, Uniform(), 0.1, 0.9, {0.9999, 0.0}).acted);
}

TEST(Guard, LetsPassWithoutAnyToken) { EXPECT_FALSE(Guard(0.4, {}, 0.1, 0.9).acted); }

}  // namespace
}  // namespace sluice::sidecar
