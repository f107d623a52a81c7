#include "worker/gate/score_stats.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

namespace sluice::gate {
namespace {

TEST(ScoreStats, CountsTokensSumsAndBins) {
  LayerCounters counters;
  counters.layer = 3;
  const std::vector<float> scores = {0.0f, 0.25f, 0.5f, 1.0f};
  AddToCounters(scores, std::vector<uint8_t>{0, 1, 1, 1}, {}, counters);
  EXPECT_EQ(counters.layer, 3u);
  EXPECT_EQ(counters.tokens_open, 3u);
  EXPECT_EQ(counters.tokens_closed, 1u);
  EXPECT_EQ(counters.score_sum_micro, 1'750'000u);
  EXPECT_EQ(counters.score_square_sum_micro, 1'312'500u);
  for (const float score : scores) EXPECT_EQ(counters.score_histogram[ScoreBin(score)], 1u);
  EXPECT_EQ(counters.score_histogram.front(), 1u);
  EXPECT_EQ(counters.score_histogram.back(), 1u);
}

TEST(ScoreStats, IsCumulative) {
  const std::vector<float> scores = {0.1f, 0.9f, 0.3f};
  const std::vector<uint8_t> open = {0, 1, 0};
  LayerCounters once, twice;
  AddToCounters(scores, open, {}, once);
  AddToCounters(scores, open, {}, twice);
  AddToCounters(scores, open, {}, twice);
  EXPECT_EQ(twice.tokens_open, 2 * once.tokens_open);
  EXPECT_EQ(twice.tokens_closed, 2 * once.tokens_closed);
  EXPECT_EQ(twice.score_sum_micro, 2 * once.score_sum_micro);
  EXPECT_EQ(twice.score_square_sum_micro, 2 * once.score_square_sum_micro);
  EXPECT_EQ(std::accumulate(twice.score_histogram.begin(), twice.score_histogram.end(), 0u), 6u);
}

TEST(ScoreStats, ScoresOutsideAreClampedAndNaNIsZero) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> scores = {-0.5f, 1.5f, kInfinity, -kInfinity,
                                     std::numeric_limits<float>::quiet_NaN()};
  LayerCounters counters;
  AddToCounters(scores, std::vector<uint8_t>(5, 1), {}, counters);
  EXPECT_EQ(counters.tokens_open, 5u);
  EXPECT_EQ(counters.score_sum_micro, 2'000'000u);
  EXPECT_EQ(counters.score_square_sum_micro, 2'000'000u);
  EXPECT_EQ(counters.score_histogram.front(), 3u);
  EXPECT_EQ(counters.score_histogram.back(), 2u);
}

// Rounding each score would otherwise lose a run's worth of small ones.
TEST(ScoreStats, RoundsToTheNearestMillionth) {
  LayerCounters counters;
  AddToCounters(std::vector<float>{6e-7f, 4e-7f}, std::vector<uint8_t>{0, 0}, {}, counters);
  EXPECT_EQ(counters.score_sum_micro, 1u);
}

TEST(ScoreStats, TokensOfAnEarlierGateCountAsClosedAndHaveNoScore) {
  LayerCounters counters;
  AddToCounters(std::vector<float>{0.5f, 0.25f, 0.9f}, std::vector<uint8_t>{1, 0, 0},
                std::vector<uint8_t>{1, 1, 0}, counters);
  EXPECT_EQ(counters.tokens_open, 1u);
  EXPECT_EQ(counters.tokens_closed, 2u);
  EXPECT_EQ(counters.score_sum_micro, 750'000u);
  EXPECT_EQ(std::accumulate(counters.score_histogram.begin(), counters.score_histogram.end(), 0u),
            2u);
}

TEST(ScoreStats, AnEmptyBatchAddsNothing) {
  LayerCounters counters;
  AddToCounters({}, {}, {}, counters);
  EXPECT_EQ(counters, LayerCounters{});
}

}  // namespace
}  // namespace sluice::gate
