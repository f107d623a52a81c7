#include "worker/gate/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/common/says.h"

namespace sluice::gate {
namespace {

// Entropy of a distribution in double precision.
double Entropy(const std::vector<double>& p) {
  double h = 0;
  for (const double x : p) h -= x > 0 ? x * std::log(x) : 0;
  return h;
}

torch::Tensor LogitsOf(const std::vector<std::vector<double>>& distributions) {
  std::vector<torch::Tensor> rows;
  for (const auto& p : distributions) rows.push_back(torch::tensor(p, torch::kDouble).log());
  return torch::stack(rows).unsqueeze(0).to(torch::kFloat);
}

TEST(ScoreTest, NamesAndScorersGoBothWays) {
  for (const Scorer scorer : {Scorer::kHead, Scorer::kInformation, Scorer::kRandom})
    EXPECT_EQ(*ParseScorer(ScorerName(scorer)), scorer);
  EXPECT_TRUE(SaysInvalid(ParseScorer("entropy").status(),
                          {"gate.scorer", "'entropy'", "head, information, random"}));
  EXPECT_TRUE(NeedsHead(Scorer::kHead));
  EXPECT_TRUE(NeedsHead(Scorer::kInformation));
  EXPECT_FALSE(NeedsHead(Scorer::kRandom));
}

TEST(ScoreTest, EntropyIsOneForUniformAndZeroForCertainPredictions) {
  for (const int64_t classes : {2, 10, 1000}) {
    const torch::Tensor uniform = EntropyScores(torch::full({2, 3, classes}, 4.0));
    EXPECT_LE((uniform - 1).abs().max().item<double>(), 1e-5) << classes;
    EXPECT_LE(uniform.max().item<double>(), 1.0);
    torch::Tensor certain = torch::zeros({1, 2, classes});
    certain.select(2, 1).fill_(1e4);  // exp(-1e4) is 0 in float32.
    const torch::Tensor scores = EntropyScores(certain);
    EXPECT_EQ(scores.abs().max().item<double>(), 0.0) << classes;
  }
}

TEST(ScoreTest, EntropyIsNormalisedByTheNumberOfClasses) {
  const std::vector<std::vector<double>> p = {{0.5, 0.25, 0.25}, {0.9, 0.05, 0.05}};
  const torch::Tensor scores = EntropyScores(LogitsOf(p));
  ASSERT_EQ(scores.sizes(), (std::vector<int64_t>{1, 2}));
  for (int64_t i = 0; i < 2; ++i)
    EXPECT_NEAR(scores[0][i].item<double>(), Entropy(p[i]) / std::log(3.0), 1e-6);
}

TEST(ScoreTest, EntropyDoesNotDependOnTheRestOfTheBatch) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({4, 6, 10}) * 3;
  const torch::Tensor together = EntropyScores(logits);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(EntropyScores(logits.narrow(0, i, 1))[0].equal(together[i]));
}

TEST(ScoreTest, ScoresAreFloat32WhateverTheLogitsAre) {
  const torch::Tensor logits = torch::randn({2, 3, 4}, torch::kDouble);
  EXPECT_EQ(EntropyScores(logits).scalar_type(), torch::kFloat);
  EXPECT_EQ(InformationScores(logits).scalar_type(), torch::kFloat);
  EXPECT_EQ(EntropyScores(logits.to(torch::kBFloat16)).scalar_type(), torch::kFloat);
}

TEST(ScoreTest, InformationIsZeroWhereAllTokensAgree) {
  const torch::Tensor scores =
      InformationScores(torch::randn({3, 1, 7}).expand({3, 5, 7}).contiguous());
  EXPECT_LE(scores.max().item<double>(), 1e-6);
  EXPECT_GE(scores.min().item<double>(), 0.0);
}

TEST(ScoreTest, InformationIsTheDivergenceFromTheImagesMean) {
  const std::vector<std::vector<double>> p = {{0.7, 0.2, 0.1}, {0.1, 0.1, 0.8}, {0.3, 0.4, 0.3}};
  const torch::Tensor scores = InformationScores(LogitsOf(p));
  for (size_t i = 0; i < p.size(); ++i) {
    double divergence = 0;
    for (size_t k = 0; k < 3; ++k)
      divergence += p[i][k] * std::log(p[i][k] / ((p[0][k] + p[1][k] + p[2][k]) / 3));
    EXPECT_NEAR(scores[0][i].item<double>(), divergence / std::log(3.0), 1e-6) << i;
  }
}

TEST(ScoreTest, MeanInformationIsEntropyOfTheMeanLessMeanEntropy) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({3, 8, 5});
  const torch::Tensor p = torch::softmax(logits.to(torch::kDouble), -1);
  const auto entropy = [](const torch::Tensor& q) { return -(q * q.log()).sum(-1); };
  const torch::Tensor gain = (entropy(p.mean(1)) - entropy(p).mean(1)) / std::log(5.0);
  const torch::Tensor mean = InformationScores(logits).mean(1).to(torch::kDouble);
  EXPECT_LE((mean - gain).abs().max().item<double>(), 1e-6);
}

TEST(ScoreTest, InformationIsClampedToOneAndFiniteForCertainTokens) {
  // One token of four disagrees for certain: KL is log 4 > log 2.
  torch::Tensor logits = torch::zeros({1, 4, 2});
  logits.select(2, 0).fill_(1e4);
  logits[0][3][0] = -1e4;
  const torch::Tensor scores = InformationScores(logits);
  EXPECT_EQ(scores[0][3].item<double>(), 1.0);
  EXPECT_NEAR(scores[0][0].item<double>(), std::log(4.0 / 3.0) / std::log(2.0), 1e-6);
}

TEST(ScoreTest, RandomScoresAreTheSameOnAnyNumberOfRanks) {
  const std::vector<uint64_t> ids = {7, 1'000'000'007, 3, 12};
  const DrawKey key{5, 9};
  const std::vector<float> together = RandomScores(key, ids, 6);
  ASSERT_EQ(together.size(), 24u);
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::vector<float> alone = RandomScores(key, std::span(ids).subspan(i, 1), 6);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 6 * i)) << i;
  }
}

TEST(ScoreTest, RandomScoresChangeWithSeedStepImageAndToken) {
  const std::vector<uint64_t> ids = {7, 8};
  const std::vector<float> base = RandomScores({5, 9}, ids, 64);
  EXPECT_NE(base, RandomScores({6, 9}, ids, 64));
  EXPECT_NE(base, RandomScores({5, 10}, ids, 64));
  EXPECT_FALSE(std::equal(base.begin(), base.begin() + 64, base.begin() + 64));
  EXPECT_NE(base[0], base[1]);
}

TEST(ScoreTest, RandomScoresAreUniform) {
  std::vector<uint64_t> ids(200);
  std::iota(ids.begin(), ids.end(), 0);
  const std::vector<float> scores = RandomScores({1, 2}, ids, 100);  // 20,000 draws.
  std::vector<int> bins(10, 0);
  for (const float s : scores) {
    ASSERT_GE(s, 0.0F);
    ASSERT_LE(s, 1.0F);
    ++bins[std::min(static_cast<int>(s * 10), 9)];
  }
  // Five standard deviations of a binomial (20000, 0.1).
  for (const int count : bins) EXPECT_NEAR(count, 2000, 5 * 42.4);
}

}  // namespace
}  // namespace sluice::gate
