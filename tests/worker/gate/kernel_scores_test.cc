#include "worker/gate/kernel_scores.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace sluice::gate {
namespace {

// As score.h says of both ways to a score.
constexpr double kAgreement = 1e-6;

// The formulas by LibTorch's operators, in float64.
torch::Tensor EntropyByOperators(const torch::Tensor& p) {
  return -at::xlogy(p, p).sum(-1) / std::log(static_cast<double>(p.size(-1)));
}

torch::Tensor Believed(const torch::Tensor& logits) {
  return at::softmax(logits.to(torch::kDouble), -1);
}

torch::Tensor InformationByOperators(const torch::Tensor& logits) {
  const torch::Tensor p = Believed(logits), mean = p.mean(1, /*keepdim=*/true);
  const torch::Tensor nats = (at::xlogy(p, p) - at::xlogy(p, mean)).sum(-1);
  return (nats / std::log(static_cast<double>(logits.size(-1)))).clamp(0.0, 1.0);
}

torch::Tensor AttentionByOperators(const torch::Tensor& qkv, int64_t heads, int64_t first_query) {
  const std::vector<torch::Tensor> parts = qkv.to(torch::kDouble).chunk(3, -1);
  const int64_t width = parts[0].size(-1) / heads;
  const auto split = [&](const torch::Tensor& x) {
    return x.unflatten(-1, {heads, width}).permute({0, 2, 1, 3});
  };
  const torch::Tensor products = at::matmul(split(parts[0]), split(parts[1]).mT());
  return EntropyByOperators(at::softmax(products / std::sqrt(static_cast<double>(width)), -1))
      .slice(2, first_query);
}

void ExpectAgree(const torch::Tensor& kernel, const torch::Tensor& operators) {
  ASSERT_EQ(kernel.sizes(), operators.sizes());
  EXPECT_EQ(kernel.scalar_type(), torch::kFloat);
  EXPECT_FALSE(kernel.requires_grad());
  EXPECT_LE((kernel - operators).abs().max().item<double>(), kAgreement) << kernel.sizes();
}

void ExpectTokenScoresAgree(const torch::Tensor& logits) {
  const torch::Tensor p = Believed(logits);
  ExpectAgree(KernelEntropyScores(logits), EntropyByOperators(p));
  ExpectAgree(KernelInformationScores(logits), InformationByOperators(logits));
  ExpectAgree(KernelImageEntropies(logits), EntropyByOperators(p.mean(1)));
}

TEST(KernelScoresTest, TokensAreScoredAsByTheOperators) {
  torch::manual_seed(1);
  for (const int64_t classes : {2, 3, 10, 100, 1001}) {
    for (const double width : {0.01, 1.0, 20.0}) {
      const torch::Tensor logits = torch::randn({3, 17, classes}) * width;
      SCOPED_TRACE(::testing::Message() << classes << " classes, width " << width);
      ExpectTokenScoresAgree(logits);
      ExpectTokenScoresAgree(logits.slice(1, 1));      // As behind a class token.
      ExpectTokenScoresAgree(logits.transpose(0, 1));  // Tokens far apart.
      ExpectTokenScoresAgree(logits.narrow(0, 1, 1).expand({4, 17, -1}));  // One memory for all.
    }
  }
}

TEST(KernelScoresTest, AttentionIsScoredAsByTheOperators) {
  torch::manual_seed(2);
  for (const int64_t tokens : {2, 10, 65}) {
    for (const int64_t heads : {1, 3, 12}) {
      const torch::Tensor qkv = 2.0 * torch::randn({4, tokens, 3 * 24});
      const torch::Tensor turned = qkv.transpose(1, 2).contiguous().transpose(1, 2);
      for (const int64_t first : {0, 1}) {
        SCOPED_TRACE(::testing::Message() << tokens << " tokens, " << heads << " heads, " << first);
        for (const torch::Tensor& x : {qkv, qkv.slice(0, 1, 4, 2), turned})
          ExpectAgree(KernelAttentionEntropies(x, heads, first),
                      AttentionByOperators(x, heads, first));
      }
    }
  }
}

// Images enough for several tasks; each image's score is its own whatever the threads.
TEST(KernelScoresTest, ScoresDoNotDependOnTheThreads) {
  torch::manual_seed(3);
  const torch::Tensor logits = torch::randn({40, 50, 100}), qkv = torch::randn({40, 50, 3 * 32});
  const auto all = [&] {
    return std::vector<torch::Tensor>{KernelEntropyScores(logits), KernelInformationScores(logits),
                                      KernelImageEntropies(logits),
                                      KernelAttentionEntropies(qkv, 4, 1)};
  };
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const std::vector<torch::Tensor> alone = all();
  at::set_num_threads(3);
  const std::vector<torch::Tensor> together = all();
  at::set_num_threads(before);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(alone[i].equal(together[i])) << i;
  EXPECT_TRUE(KernelInformationScores(logits.narrow(0, 37, 1)).equal(alone[1].narrow(0, 37, 1)));
  EXPECT_TRUE(
      KernelAttentionEntropies(qkv.narrow(0, 37, 1), 4, 1).equal(alone[3].slice(0, 37, 38)));
}

TEST(KernelScoresTest, NoImagesHaveNoScores) {
  const torch::Tensor logits = torch::zeros({0, 4, 5}), qkv = torch::zeros({0, 5, 12});
  EXPECT_EQ(KernelEntropyScores(logits).sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(KernelInformationScores(logits).sizes(), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(KernelImageEntropies(logits).sizes(), (std::vector<int64_t>{0}));
  EXPECT_EQ(KernelAttentionEntropies(qkv, 2, 1).sizes(), (std::vector<int64_t>{0, 2, 4}));
}

TEST(KernelScoresTest, KernelsTakeFloat32OfThreeDimensionsThatNeedsNoGraph) {
  const torch::Tensor x = torch::zeros({2, 3, 4});
  EXPECT_TRUE(KernelsTake(x));
  EXPECT_FALSE(KernelsTake(x.to(torch::kDouble)));
  EXPECT_FALSE(KernelsTake(x.to(torch::kBFloat16)));
  EXPECT_FALSE(KernelsTake(x[0]));
  const torch::Tensor with_graph = x.clone().requires_grad_();
  EXPECT_FALSE(KernelsTake(with_graph));
  const torch::NoGradGuard no_graph;
  EXPECT_TRUE(KernelsTake(with_graph));
}

TEST(KernelScoresTest, WithoutKernelsHoldsForItsLifeAndItsThread) {
  const torch::Tensor x = torch::zeros({2, 3, 4});
  {
    const WithoutKernels outer;
    EXPECT_FALSE(KernelsTake(x));
    { const WithoutKernels inner; }
    EXPECT_FALSE(KernelsTake(x)) << "the inner one's end is not the outer one's";
    bool takes = false;
    std::thread([&] { takes = KernelsTake(x); }).join();
    EXPECT_TRUE(takes) << "another thread";
  }
  EXPECT_TRUE(KernelsTake(x));
}

}  // namespace
}  // namespace sluice::gate
