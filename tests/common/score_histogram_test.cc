#include "common/score_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

using Weights = std::array<double, kScoreBins>;

TEST(ScoreHistogram, EdgesRiseToOneAndAreFinerAtTheEnds) {
  double before = 0.0;
  for (int i = 0; i < kScoreBins; ++i) {
    EXPECT_GT(ScoreBinUpperEdge(i), before);
    before = ScoreBinUpperEdge(i);
  }
  EXPECT_EQ(before, 1.0);
  EXPECT_NEAR(ScoreBinUpperEdge(31), 0.5, 1e-15);
  EXPECT_LT(ScoreBinUpperEdge(0), 0.001);
  EXPECT_GT(ScoreBinUpperEdge(62), 0.999);
}

TEST(ScoreHistogram, AScoreIsInTheFirstBinWhoseEdgeReachesIt) {
  for (int i = 0; i < kScoreBins; ++i) {
    const double edge = ScoreBinUpperEdge(i);
    EXPECT_EQ(ScoreBin(edge), i);
    EXPECT_EQ(ScoreBin(std::nextafter(edge, 2.0)), std::min(i + 1, kScoreBins - 1));
  }
  EXPECT_EQ(ScoreBin(0.0), 0);
  EXPECT_EQ(ScoreBin(-5.0), 0);
  EXPECT_EQ(ScoreBin(5.0), kScoreBins - 1);
  EXPECT_EQ(ScoreBin(std::numeric_limits<double>::infinity()), kScoreBins - 1);
  EXPECT_EQ(ScoreBin(std::nan("")), 0);
}

TEST(ScoreHistogram, QuantileIsLinearInsideABin) {
  Weights weights{};
  weights[10] = 4.0;
  const double low = ScoreBinUpperEdge(9);
  const double high = ScoreBinUpperEdge(10);
  EXPECT_DOUBLE_EQ(ScoreQuantile(weights, 0.0), low);
  EXPECT_DOUBLE_EQ(ScoreQuantile(weights, 0.25), low + 0.25 * (high - low));
  EXPECT_DOUBLE_EQ(ScoreQuantile(weights, 1.0), high);
  EXPECT_DOUBLE_EQ(ScoreQuantile(weights, 7.0), high);
  EXPECT_EQ(ScoreQuantile(Weights{}, 0.5), 0.0);
  weights[20] = 4.0;
  EXPECT_DOUBLE_EQ(ScoreQuantile(weights, 0.5), high);
  EXPECT_GT(ScoreQuantile(weights, 0.51), ScoreBinUpperEdge(19));
}

TEST(ScoreHistogram, ShareAboveIsTheQuantilesInverse) {
  Weights weights{};
  for (int i = 0; i < kScoreBins; ++i) weights[static_cast<size_t>(i)] = 1.0 + i % 7;
  for (double q = 0.01; q < 1.0; q += 0.01) {
    EXPECT_NEAR(ShareAbove(weights, ScoreQuantile(weights, q)), 1.0 - q, 1e-12);
  }
  EXPECT_EQ(ShareAbove(weights, 0.0), 1.0);
  EXPECT_EQ(ShareAbove(weights, -1.0), 1.0);
  EXPECT_EQ(ShareAbove(weights, 1.0), 0.0);
  EXPECT_EQ(ShareAbove(Weights{}, 0.5), 0.0);
}

}  // namespace
}  // namespace sluice
