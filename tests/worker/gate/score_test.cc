#include "worker/gate/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "worker/gate/kernel_scores.h"

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

// What needs a graph is scored by LibTorch's operators, what needs none by the kernels.
void ExpectKernelLikeChain(const std::function<torch::Tensor(const torch::Tensor&)>& score,
                           const torch::Tensor& x, double tolerance = 1e-6) {
  const torch::Tensor chain = score(x.detach().clone().requires_grad_());
  const torch::Tensor kernel = score(x);
  ASSERT_TRUE(chain.requires_grad());
  ASSERT_FALSE(kernel.requires_grad());
  ASSERT_EQ(kernel.sizes(), chain.sizes());
  EXPECT_EQ(kernel.scalar_type(), torch::kFloat);
  EXPECT_LE((kernel - chain.detach()).abs().max().item<double>(), tolerance) << x.sizes();
}

TEST(ScoreTest, KernelsAgreeWithTheOperators) {
  torch::manual_seed(6);
  for (const int64_t classes : {2, 10, 33, 100, 1000}) {
    for (const double width : {0.3, 3.0}) {
      const torch::Tensor logits = torch::randn({5, 49, classes}) * width;
      for (const auto score : {EntropyScores, InformationScores, ImageEntropies}) {
        ExpectKernelLikeChain(score, logits);
        ExpectKernelLikeChain(score, logits.slice(1, 3, 20));                 // Not contiguous.
        ExpectKernelLikeChain(score, logits.transpose(0, 1).slice(0, 0, 1));  // One token.
      }
    }
  }
  for (const int64_t tokens : {2, 17, 50, 197}) {
    const auto score = [](const torch::Tensor& qkv) { return AttentionScores(qkv, 3); };
    const torch::Tensor qkv = torch::randn({3, tokens, 3 * 48});
    ExpectKernelLikeChain(score, qkv);
    ExpectKernelLikeChain(score, qkv.slice(0, 1));
    ExpectKernelLikeChain(score, qkv.transpose(1, 2).contiguous().transpose(1, 2));
  }
}

TEST(ScoreTest, ImpossibleClassesAddNothing) {
  torch::Tensor logits = torch::zeros({2, 3, 5});
  logits.select(2, 4).fill_(-INFINITY);
  const double four = std::log(4.0) / std::log(5.0);
  for (const bool graph : {false, true}) {
    logits.requires_grad_(graph);
    EXPECT_NEAR(EntropyScores(logits).min().item<double>(), four, 1e-6) << graph;
    EXPECT_NEAR(ImageEntropies(logits).max().item<double>(), four, 1e-6) << graph;
    EXPECT_LE(InformationScores(logits).abs().max().item<double>(), 1e-6) << graph;
  }
}

// They round differently: equal bits would mean that the operators were asked both times.
TEST(ScoreTest, KernelsScoreWhatNeedsNoGraph) {
  torch::manual_seed(4);
  const torch::Tensor logits = torch::randn({20, 30, 50});
  const torch::Tensor by_kernel = EntropyScores(logits);
  const WithoutKernels operators;
  EXPECT_FALSE(torch::equal(EntropyScores(logits), by_kernel));
  EXPECT_TRUE(torch::allclose(EntropyScores(logits), by_kernel, 1e-5, 1e-6));
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

TEST(ScoreTest, MarginIsOneLessTheLeadOfTheLikeliestClass) {
  const std::vector<std::vector<double>> p = {{0.5, 0.3, 0.2}, {0.4, 0.4, 0.2}, {0.98, 0.01, 0.01}};
  const torch::Tensor scores = MarginScores(LogitsOf(p));
  for (size_t i = 0; i < p.size(); ++i)
    EXPECT_NEAR(scores[0][i].item<double>(), 1.0 - (p[i][0] - p[i][1]), 1e-6) << i;
}

// Attention of two heads spelled out in double precision: [head][query][key].
std::vector<std::vector<std::vector<double>>> Attention(const torch::Tensor& qkv, int64_t heads) {
  const int64_t tokens = qkv.size(0), dim = qkv.size(1) / 3, width = dim / heads;
  const torch::Tensor x = qkv.to(torch::kDouble).contiguous();
  const auto at = [&](int64_t t, int64_t column) { return x[t][column].item<double>(); };
  std::vector<std::vector<std::vector<double>>> result(heads);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < tokens; ++i) {
      std::vector<double> row;
      double sum = 0.0;
      for (int64_t j = 0; j < tokens; ++j) {
        double dot = 0.0;
        for (int64_t d = 0; d < width; ++d)
          dot += at(i, h * width + d) * at(j, dim + h * width + d);
        row.push_back(std::exp(dot / std::sqrt(double(width))));
        sum += row.back();
      }
      for (double& a : row) a /= sum;
      result[h].push_back(row);
    }
  }
  return result;
}

TEST(ScoreTest, AttentionScoresAreWhatTheFormulasSay) {
  torch::manual_seed(4);
  constexpr int64_t kTokens = 5, kHeads = 2;
  const torch::Tensor qkv = torch::randn({2, kTokens, 3 * 8});
  const torch::Tensor entropy = AttentionScores(qkv, kHeads);
  const torch::Tensor by_class = ClassAttentionScores(qkv, kHeads);
  ASSERT_EQ(entropy.sizes(), (std::vector<int64_t>{2, kTokens - 1}));
  ASSERT_EQ(by_class.sizes(), (std::vector<int64_t>{2, kTokens - 1}));
  for (int64_t image = 0; image < 2; ++image) {
    const auto a = Attention(qkv[image], kHeads);
    for (int64_t token = 1; token < kTokens; ++token) {
      const double mean = (Entropy(a[0][token]) + Entropy(a[1][token])) / 2;
      EXPECT_NEAR(entropy[image][token - 1].item<double>(), mean / std::log(double(kTokens)), 1e-6);
      const double weight = (a[0][0][token] + a[1][0][token]) / 2 * kTokens;
      EXPECT_NEAR(by_class[image][token - 1].item<double>(), weight / (1 + weight), 1e-6);
    }
  }
}

TEST(ScoreTest, EvenAttentionScoresOneAndOneHalf) {
  const torch::Tensor qkv = torch::zeros({1, 7, 3 * 4});
  EXPECT_NEAR(AttentionScores(qkv, 2).min().item<double>(), 1.0, 1e-6);
  EXPECT_NEAR(ClassAttentionScores(qkv, 2).max().item<double>(), 0.5, 1e-6);
}

TEST(ScoreTest, EveryScorerButRandomHasItsFormula) {
  torch::manual_seed(4);
  const ScoreInput input{torch::randn({2, 4, 6}), torch::randn({2, 5, 24}), 2};
  std::vector<torch::Tensor> seen;
  for (const std::string& name : ScorerNames()) {
    if (name == "random") continue;
    const torch::Tensor scores = TokenScores(*ParseScorer(name), input);
    ASSERT_EQ(scores.sizes(), (std::vector<int64_t>{2, 4})) << name;
    EXPECT_EQ(scores.scalar_type(), torch::kFloat) << name;
    EXPECT_GE(scores.min().item<double>(), 0.0) << name;
    EXPECT_LE(scores.max().item<double>(), 1.0) << name;
    for (const torch::Tensor& other : seen) EXPECT_FALSE(scores.equal(other)) << name;
    seen.push_back(scores);
  }
}

TEST(ScoreTest, GatesDrawApart) {
  const std::vector<uint64_t> ids = {7, 8};
  EXPECT_NE(RandomScores({5, 9, 0}, ids, 16), RandomScores({5, 9, 1}, ids, 16));
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
