#include "worker/model/position.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace sluice::model {
namespace {

// Keys' cubic kernel with a = -0.5, as antialiased bicubic resampling uses it.
double Cubic(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// Matrix [to, from] of a resampling along one axis: the kernel is widened when it shrinks.
torch::Tensor Weights(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double width = std::max(scale, 1.0);
  torch::Tensor weights = torch::zeros({to, from}, torch::kDouble);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = scale * (static_cast<double>(i) + 0.5);
    const auto begin = std::max<int64_t>(static_cast<int64_t>(centre - 2 * width + 0.5), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(centre + 2 * width + 0.5), from);
    for (int64_t j = begin; j < end; ++j)
      weights[i][j] = Cubic((static_cast<double>(j) - centre + 0.5) / width);
  }
  return weights / weights.sum(1, true);
}

TEST(PositionTest, PatchesAreResampledBySeparableCubicWeights) {
  torch::manual_seed(6);
  for (const auto& [from, to] : {std::pair{3, 5}, {5, 3}, {4, 8}, {7, 2}, {14, 9}}) {
    const torch::Tensor position = torch::randn({1, 1 + from * from, 6});
    const torch::Tensor result = ResamplePosition(position, to);
    ASSERT_EQ(result.sizes(), (std::vector<int64_t>{1, 1 + to * to, 6}));
    EXPECT_TRUE(result.select(1, 0).equal(position.select(1, 0)));
    const torch::Tensor map =
        position.slice(1, 1).reshape({from, from, 6}).permute({2, 0, 1}).to(torch::kDouble);
    const torch::Tensor w = Weights(from, to);
    const torch::Tensor expected = torch::matmul(torch::matmul(w, map), w.t());
    const torch::Tensor actual = result.slice(1, 1).reshape({to, to, 6}).permute({2, 0, 1});
    EXPECT_LE((actual - expected).abs().max().item<double>(), 2e-6) << from << " to " << to;
  }
}

TEST(PositionTest, TheSameGridGivesTheSameTensor) {
  const torch::Tensor position = torch::randn({1, 10, 6});
  EXPECT_TRUE(ResamplePosition(position, 3).is_same(position));
}

TEST(PositionTest, AConstantStaysConstantAndTheTypeStays) {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kHalf}) {
    const torch::Tensor result = ResamplePosition(torch::full({1, 17, 3}, 0.5, type), 7);
    EXPECT_EQ(result.scalar_type(), type);
    EXPECT_LE((result.to(torch::kDouble) - 0.5).abs().max().item<double>(), 1e-6);
  }
}

TEST(PositionTest, TheResultHasNoGraph) {
  const torch::Tensor position = torch::randn({1, 10, 6}).set_requires_grad(true);
  EXPECT_FALSE(ResamplePosition(position, 5).requires_grad());
}

}  // namespace
}  // namespace sluice::model
