#include "worker/gate/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/common/says.h"

namespace sluice::gate {
namespace {

using Mask = std::vector<uint8_t>;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// A batch that owns its scores; images are named 100, 101, ...
struct Batch {
  int64_t images = 0;
  std::vector<float> values;
  std::vector<uint64_t> ids;
  std::vector<uint8_t> present;  // Empty: all.

  Batch(int64_t image_count, std::vector<float> scores)
      : images(image_count), values(std::move(scores)), ids(image_count) {
    std::iota(ids.begin(), ids.end(), 100);
  }
  Scores scores() const {
    return {images, static_cast<int64_t>(values.size()) / images, values, ids, present};
  }
};

Batch RandomBatch(int64_t images, int64_t tokens, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
  std::vector<float> values(images * tokens);
  for (float& value : values) value = uniform(random);
  return Batch(images, values);
}

Policy Threshold(double threshold, double floor = 0.0, double ceiling = 1.0) {
  return {PolicyKind::kThreshold, threshold, 1.0, floor, ceiling, false};
}

Policy Share(PolicyKind kind, double rate, bool batch = false) {
  return {kind, 0.0, rate, 0.0, 1.0, batch};
}

int64_t CountOpen(const Mask& open) { return std::count(open.begin(), open.end(), 1); }

TEST(Policy, ParsesItsNames) {
  EXPECT_EQ(*ParsePolicy("threshold"), PolicyKind::kThreshold);
  EXPECT_EQ(*ParsePolicy("budget"), PolicyKind::kBudget);
  EXPECT_EQ(*ParsePolicy("sample"), PolicyKind::kSample);
  EXPECT_TRUE(SaysInvalid(ParsePolicy("top_k").status(),
                          {"gate.policy", "top_k", "threshold", "budget", "sample"}));
}

TEST(Policy, ThresholdOpensWhatIsAboveIt) {
  const Batch batch(2, {0.5f, 0.50001f, 0.4f, 1.0f, 0.0f, 0.6f});
  EXPECT_EQ(Decide(Threshold(0.5), batch.scores(), {}), (Mask{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(Decide(Threshold(1.0), batch.scores(), {}), Mask(6, 0));
}

TEST(Policy, AThresholdOfZeroOpensAllEvenScoresOfZero) {
  const Batch batch(1, {0.0f, 0.3f, kNaN});
  EXPECT_EQ(Decide(Threshold(0.0), batch.scores(), {}), Mask(3, 1));
  EXPECT_EQ(Decide(Threshold(-0.1), batch.scores(), {}), Mask(3, 1));
}

TEST(Policy, RaisingTheThresholdNeverOpensAToken) {
  const Batch batch = RandomBatch(8, 20, 3);
  Mask before(8 * 20, 1);
  for (double threshold = 0.0; threshold <= 1.0; threshold += 0.05) {
    const Mask open = Decide(Threshold(threshold, 0.1, 0.7), batch.scores(), {});
    if (threshold > 0.0) {
      for (size_t i = 0; i < open.size(); ++i) EXPECT_LE(open[i], before[i]) << threshold;
    }
    before = open;
  }
}

TEST(Policy, FloorAndCeilingBoundEachImage) {
  // All above the threshold in the first image, none in the second, one in the third.
  const Batch batch(3, {0.9f, 0.8f, 0.7f, 0.6f, 0.1f, 0.3f, 0.2f, 0.3f, 0.1f, 0.9f, 0.2f, 0.1f});
  const Mask open = Decide(Threshold(0.5, 0.25, 0.5), batch.scores(), {});
  EXPECT_EQ(open, (Mask{1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}));
  // The floor wins over a ceiling under it, and ties go to the lower token.
  EXPECT_EQ(Decide(Threshold(1.0, 0.5, 0.25), batch.scores(), {}),
            (Mask{1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0}));
  // What an image may cost holds for a gate that stands open, too.
  EXPECT_EQ(CountOpen(Decide(Threshold(0.0, 0.0, 0.5), batch.scores(), {})), 6);
}

TEST(Policy, BudgetOpensTheTopOfEachImage) {
  const Batch batch(2, {0.1f, 0.4f, 0.3f, 0.2f, 0.9f, 0.8f, 0.95f, 0.7f});
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 0.5), batch.scores(), {}),
            (Mask{0, 1, 1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 0.5, true), batch.scores(), {}),
            (Mask{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 1.0), batch.scores(), {}), Mask(8, 1));
}

TEST(Policy, TiesGoToTheLowerToken) {
  const Batch batch(1, std::vector<float>(10, 0.5f));
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 0.3), batch.scores(), {}),
            (Mask{1, 1, 1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Policy, SharesAreRoundedAndAtLeastOneTokenIsOpen) {
  const Batch batch = RandomBatch(4, 49, 1);
  for (const PolicyKind kind : {PolicyKind::kBudget, PolicyKind::kSample}) {
    const auto per_image = [&](double rate) {
      return CountOpen(Decide(Share(kind, rate), batch.scores(), {})) / 4;
    };
    EXPECT_EQ(per_image(0.25), 12);  // 12.25
    EXPECT_EQ(per_image(0.26), 13);  // 12.74
    EXPECT_EQ(per_image(0.001), 1);
    EXPECT_EQ(per_image(1.0), 49);
  }
}

TEST(Policy, AnEmptyBatchHasNothingOpen) {
  for (const PolicyKind kind : {PolicyKind::kThreshold, PolicyKind::kBudget, PolicyKind::kSample}) {
    EXPECT_TRUE(Decide(Share(kind, 0.5), Scores{0, 49, {}, {}}, {}).empty());
  }
  EXPECT_TRUE(Decide(Share(PolicyKind::kBudget, 0.5, true), Scores{0, 49, {}, {}}, {}).empty());
}

// A model that diverges gives scores that are not numbers; the gate still has to answer. NaN counts
// as 0, as it does in the counters.
TEST(Policy, NaNIsTheLeastScore) {
  const Batch batch(1, {kNaN, 0.5f, kNaN, 0.25f, 0.75f, kNaN});
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 0.5), batch.scores(), {}), (Mask{0, 1, 0, 1, 1, 0}));
  EXPECT_EQ(Decide(Share(PolicyKind::kSample, 0.5), batch.scores(), {}), (Mask{0, 1, 0, 1, 1, 0}));
  EXPECT_EQ(Decide(Threshold(0.6, 0.5), batch.scores(), {}), (Mask{0, 1, 0, 1, 1, 0}));
  const Batch all(3, std::vector<float>(3 * 400, kNaN));
  EXPECT_EQ(CountOpen(Decide(Share(PolicyKind::kBudget, 0.25), all.scores(), {})), 300);
  EXPECT_EQ(CountOpen(Decide(Share(PolicyKind::kSample, 0.25), all.scores(), {})), 300);
}

TEST(Policy, SampleDrawsWithoutReplacement) {
  const Batch batch = RandomBatch(5, 30, 8);
  for (uint64_t step = 0; step < 50; ++step) {
    const Mask open = Decide(Share(PolicyKind::kSample, 0.4), batch.scores(), {1, step});
    for (int64_t i = 0; i < 5; ++i) {
      EXPECT_EQ(std::count(open.begin() + i * 30, open.begin() + (i + 1) * 30, 1), 12);
    }
  }
}

TEST(Policy, SampleNeverTakesAScoreOfZeroBeforeAPositiveOne) {
  const Batch batch(1, {0.0f, 0.01f, 0.0f, 0.5f});
  for (uint64_t step = 0; step < 500; ++step) {
    EXPECT_EQ(Decide(Share(PolicyKind::kSample, 0.5), batch.scores(), {4, step}),
              (Mask{0, 1, 0, 1}));
  }
}

// Chance of each pair to be drawn from `scores`, one after the other without replacement.
double PairChance(const std::vector<float>& s, size_t a, size_t b) {
  const double total = std::accumulate(s.begin(), s.end(), 0.0);
  return s[a] / total * s[b] / (total - s[a]) + s[b] / total * s[a] / (total - s[b]);
}

// One of five tokens drawn 20,000 times: chi-squared with 4 degrees of freedom stays under 18.5 in
// 999 of 1,000 seeds; likewise the ten pairs, with 9 degrees, under 27.9.
TEST(Policy, SampleFollowsTheScores) {
  constexpr uint64_t kSeed = 20261, kDraws = 20000;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const Batch batch(1, {0.05f, 0.1f, 0.2f, 0.25f, 0.9f});
  double chi_one = 0.0, chi_two = 0.0;
  std::vector<int> one(5, 0);
  std::vector<std::vector<int>> two(5, std::vector<int>(5, 0));
  for (uint64_t step = 0; step < kDraws; ++step) {
    const DrawKey key{kSeed, step};
    const Mask single = Decide(Share(PolicyKind::kSample, 0.2), batch.scores(), key);
    ++one[std::find(single.begin(), single.end(), 1) - single.begin()];
    const Mask pair = Decide(Share(PolicyKind::kSample, 0.4), batch.scores(), key);
    const auto first = std::find(pair.begin(), pair.end(), 1);
    ++two[first - pair.begin()][std::find(first + 1, pair.end(), 1) - pair.begin()];
  }
  const double total = std::accumulate(batch.values.begin(), batch.values.end(), 0.0);
  for (size_t a = 0; a < 5; ++a) {
    const double expected = kDraws * batch.values[a] / total;
    chi_one += std::pow(one[a] - expected, 2) / expected;
    for (size_t b = a + 1; b < 5; ++b) {
      const double pairs = kDraws * PairChance(batch.values, a, b);
      chi_two += std::pow(two[a][b] - pairs, 2) / pairs;
    }
  }
  EXPECT_LT(chi_one, 18.5);
  EXPECT_LT(chi_two, 27.9);
}

// A rank holds some images of the batch, and decides on them as one process does on the whole.
TEST(Policy, DecisionsDoNotDependOnTheSplitIntoRanks) {
  constexpr int64_t kImages = 12, kTokens = 16;
  const Batch whole = RandomBatch(kImages, kTokens, 5);
  for (const Policy& policy : {Threshold(0.4, 0.2, 0.5), Share(PolicyKind::kBudget, 0.25),
                               Share(PolicyKind::kSample, 0.25)}) {
    const DrawKey key{77, 1234567890123};
    const Mask expected = Decide(policy, whole.scores(), key);
    for (const int64_t ranks : {1, 2, 3, 5, 12}) {
      Mask joined;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const int64_t begin = kImages * rank / ranks, end = kImages * (rank + 1) / ranks;
        const Scores part{
            end - begin, kTokens,
            std::span<const float>(whole.values).subspan(begin * kTokens, (end - begin) * kTokens),
            std::span<const uint64_t>(whole.ids).subspan(begin, end - begin)};
        const Mask open = Decide(policy, part, key);
        joined.insert(joined.end(), open.begin(), open.end());
      }
      EXPECT_EQ(joined, expected) << ranks << " ranks";
    }
  }
}

TEST(Policy, SampleChangesWithSeedStepAndImage) {
  const Batch batch(2, std::vector<float>(200, 0.5f));
  const Policy policy = Share(PolicyKind::kSample, 0.3);
  const Mask open = Decide(policy, batch.scores(), {1, 1});
  EXPECT_EQ(open, Decide(policy, batch.scores(), {1, 1}));
  EXPECT_NE(open, Decide(policy, batch.scores(), {2, 1}));
  EXPECT_NE(open, Decide(policy, batch.scores(), {1, 2}));
  EXPECT_NE(Mask(open.begin(), open.begin() + 100), Mask(open.begin() + 100, open.end()));
}

TEST(Policy, WhatAnEarlierGateClosedStaysClosed) {
  Batch batch = RandomBatch(6, 20, 8);
  batch.present.assign(120, 0);
  for (size_t i = 0; i < 120; i += 3) batch.present[i] = 1;
  for (const Policy& policy :
       {Threshold(0.0), Threshold(0.3), Threshold(0.9, 0.5), Share(PolicyKind::kBudget, 0.2),
        Share(PolicyKind::kBudget, 0.9), Share(PolicyKind::kBudget, 0.2, true),
        Share(PolicyKind::kSample, 0.2), Share(PolicyKind::kSample, 1.0)}) {
    const Mask open = Decide(policy, batch.scores(), {1, 2});
    for (size_t i = 0; i < open.size(); ++i) EXPECT_LE(open[i], batch.present[i]);
    EXPECT_GT(CountOpen(open), 0);
  }
  // Shares are of the whole image; with fewer present, all of those.
  EXPECT_EQ(Decide(Share(PolicyKind::kBudget, 0.9), batch.scores(), {}), batch.present);
  EXPECT_EQ(Decide(Share(PolicyKind::kSample, 0.9), batch.scores(), {}), batch.present);
  EXPECT_EQ(Decide(Threshold(0.0), batch.scores(), {}), batch.present);
  EXPECT_EQ(CountOpen(Decide(Share(PolicyKind::kBudget, 0.2), batch.scores(), {})), 6 * 4);
  batch.present.assign(120, 0);
  EXPECT_EQ(CountOpen(Decide(Share(PolicyKind::kBudget, 0.2), batch.scores(), {})), 0);
  EXPECT_EQ(CountOpen(Decide(Share(PolicyKind::kBudget, 0.2, true), batch.scores(), {})), 0);
}

TEST(Policy, GatesDrawApart) {
  const Batch batch = RandomBatch(4, 30, 8);
  const Policy policy = Share(PolicyKind::kSample, 0.3);
  EXPECT_NE(Decide(policy, batch.scores(), {1, 2, 0}), Decide(policy, batch.scores(), {1, 2, 1}));
}

TEST(Policy, ABatchsBudgetMayBeAShareOfMoreTokensThanItHas) {
  Policy policy = Share(PolicyKind::kBudget, 0.5, true);
  for (const auto& [images, tokens] : {std::pair{4, 36}, {3, 36}, {5, 40}}) {
    const Batch batch = RandomBatch(images, 9, 5);
    policy.budget_tokens = tokens;
    const Mask open = Decide(policy, batch.scores(), {});
    EXPECT_EQ(CountOpen(open), tokens / 2) << images;
    // The largest of the batch.
    float least = 1.0f, most = 0.0f;
    for (size_t i = 0; i < open.size(); ++i) {
      if (open[i] != 0) least = std::min(least, batch.values[i]);
      if (open[i] == 0) most = std::max(most, batch.values[i]);
    }
    EXPECT_GT(least, most);
  }
  policy.budget_tokens = 100;
  EXPECT_EQ(CountOpen(Decide(policy, RandomBatch(4, 9, 5).scores(), {})), 36) << "all there are";
  policy.batch_budget = false;  // Then each image has a budget of its own.
  EXPECT_EQ(CountOpen(Decide(policy, RandomBatch(4, 10, 5).scores(), {})), 20);
}

}  // namespace
}  // namespace sluice::gate
