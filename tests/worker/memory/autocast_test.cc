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

// LibTorch's cache of converted weights would hand out the one from before the optimizer's step.
TEST(Autocast, AWeightThatHasChangedIsConvertedAgain) {
  torch::Tensor weight = torch::ones({8, 8}).requires_grad_();
  const torch::Tensor x = torch::ones({1, 8});
  for (const double value : {1.0, 2.0}) {
    const Autocast on(torch::kCPU, true);
    const torch::Tensor y = at::linear(x, weight);
    EXPECT_EQ(y[0][0].item<double>(), 8.0 * value);
    y.sum().backward();
    EXPECT_TRUE(weight.grad().defined());
    const torch::NoGradGuard no_graph;
    weight.add_(1.0);
  }
}

}  // namespace
}  // namespace sluice::memory
