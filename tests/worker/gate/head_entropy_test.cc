#include "worker/gate/head_entropy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/worker/model/small_vit.h"

namespace sluice::gate {
namespace {

// Entropy of every head by loops over images, rows and keys.
std::vector<double> PlainSums(model::Vit& vit, const torch::Tensor& images) {
  const torch::NoGradGuard no_graph;
  const int64_t heads = vit->config().heads, width = vit->config().head_dim();
  const int64_t tokens = vit->config().tokens(), dim = vit->config().dim;
  std::vector<double> sums;
  torch::Tensor x = vit->Embed(images);
  for (model::Block& block : vit->blocks) {
    const torch::Tensor qkv = block->Qkv(x);
    const auto values = qkv.accessor<double, 3>();
    for (int64_t h = 0; h < heads; ++h) {
      double sum = 0.0;
      for (int64_t b = 0; b < images.size(0); ++b) {
        for (int64_t t = 0; t < tokens; ++t) {
          std::vector<double> weight(tokens);
          double total = 0.0;
          for (int64_t s = 0; s < tokens; ++s) {
            double dot = 0.0;
            for (int64_t c = h * width; c < (h + 1) * width; ++c)
              dot += values[b][t][c] * values[b][s][dim + c];
            weight[s] = std::exp(dot / std::sqrt(static_cast<double>(width)));
            total += weight[s];
          }
          for (const double w : weight)
            sum -= w / total * std::log(w / total) / std::log(static_cast<double>(tokens));
        }
      }
      sums.push_back(sum);
    }
    x = block->Forward(x);
  }
  return sums;
}

TEST(HeadEntropyTest, SumsEqualPlainLoopsWhateverTheChunk) {
  torch::manual_seed(5);
  model::Vit vit(model::testing::SmallConfig(model::Pool::kClassToken, true));
  vit->to(torch::kDouble);
  {
    // Far from even attention.
    const torch::NoGradGuard no_graph;
    for (model::Block& block : vit->blocks) block->attn->qkv->weight.mul_(20.0);
  }
  const torch::Tensor images = torch::randn({5, 2, 12, 12}, torch::kDouble);
  const std::vector<double> expected = PlainSums(vit, images);
  for (const int64_t chunk : {2, 16}) {
    const torch::Tensor sums = HeadEntropySums(vit, images, chunk);
    ASSERT_EQ(sums.numel(), static_cast<int64_t>(expected.size()));
    EXPECT_FALSE(sums.requires_grad());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(sums[i].item<double>(), expected[i], 1e-9);
      EXPECT_LT(expected[i] / 50.0, 0.99);  // The test says nothing about even attention.
    }
  }
}

// Float64 goes through LibTorch's operators, float32 through the kernel.
TEST(HeadEntropyTest, TheKernelAgreesWithTheOperators) {
  torch::manual_seed(7);
  model::Vit vit(model::testing::SmallConfig(model::Pool::kClassToken, true));
  {
    const torch::NoGradGuard no_graph;
    for (model::Block& block : vit->blocks) block->attn->qkv->weight.mul_(20.0);
  }
  const torch::Tensor images = torch::randn({5, 2, 12, 12});
  const torch::Tensor kernel = HeadEntropySums(vit, images);
  EXPECT_EQ(kernel.scalar_type(), torch::kDouble);
  vit->to(torch::kDouble);
  const torch::Tensor chain = HeadEntropySums(vit, images.to(torch::kDouble));
  const double rows = 5.0 * static_cast<double>(vit->config().tokens());
  EXPECT_LE(((kernel - chain) / rows).abs().max().item<double>(), 1e-5);
}

TEST(HeadEntropyTest, ARankWithoutImagesAddsNothing) {
  model::Vit vit(model::testing::SmallConfig(model::Pool::kMean, false));
  EXPECT_TRUE(
      HeadEntropySums(vit, torch::zeros({0, 2, 12, 12})).equal(torch::zeros({8}, torch::kDouble)));
}

}  // namespace
}  // namespace sluice::gate
