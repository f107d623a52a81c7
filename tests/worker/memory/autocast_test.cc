#include "worker/memory/autocast.h"

#include <gtest/gtest.h>

namespace sluice::memory {
namespace {

TEST(Autocast, ComputesProductsInBFloat16AndPutsEverythingBack) {
  const torch::Tensor a = torch::randn({8, 8}), b = torch::randn({8, 8});
  {
    const Autocast on(torch::kCPU, true);
    EXPECT_TRUE(Autocast::IsOn(torch::kCPU));
    EXPECT_EQ(a.mm(b).scalar_type(), torch::kBFloat16);
    {
      const Autocast off(torch::kCPU, false);
      EXPECT_EQ(a.mm(b).scalar_type(), torch::kFloat);
    }
    EXPECT_EQ(a.mm(b).scalar_type(), torch::kBFloat16);
  }
  EXPECT_FALSE(Autocast::IsOn(torch::kCPU));
  EXPECT_EQ(a.mm(b).scalar_type(), torch::kFloat);
}

// LibTorch's cache of converted weights would hand the one without a graph to the second product.
TEST(Autocast, AWeightThatWasUsedWithoutAGraphGetsItsGradient) {
  const Autocast on(torch::kCPU, true);
  const torch::Tensor weight = torch::randn({8, 8}).requires_grad_(), x = torch::randn({4, 8});
  {
    const torch::NoGradGuard no_graph;
    at::linear(x, weight);
  }
  const torch::Tensor y = at::linear(x, weight);
  ASSERT_TRUE(y.requires_grad());
  y.sum().backward();
  EXPECT_TRUE(weight.grad().defined());
}

}  // namespace
}  // namespace sluice::memory
