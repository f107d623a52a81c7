#include "worker/gate/selective.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/gated_loss.h"

namespace sluice::gate {
namespace {

using model::testing::SmallConfig;
using testing::CheckAgainstOracle;
using testing::GatedLoss;
using testing::OracleMode;
using testing::Repeat;

TEST(SelectiveTest, EveryGradientEqualsTheDetachedDenseOracleInFloat64) {
  CheckAgainstOracle(OracleMode::kSelective, torch::kDouble, 1e-9);
}

TEST(SelectiveTest, EveryGradientEqualsTheDetachedDenseOracleInFloat32) {
  CheckAgainstOracle(OracleMode::kSelective, torch::kFloat, 1e-5);
}

TEST(SelectiveTest, TheForwardIsTheDenseOneWhateverIsClosed) {
  torch::manual_seed(9);
  model::Vit vit(SmallConfig(model::Pool::kMean, true));
  vit->to(torch::kDouble);
  const torch::Tensor images = torch::randn({4, 2, 12, 12}, torch::kDouble);
  const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
  const double dense =
      at::cross_entropy_loss(vit->Forward(images), labels, {}, at::Reduction::Sum).item<double>();
  for (const auto& open : {Repeat({{1}, {0, 2}, {8}, {3, 4, 5}}), Repeat({{0}, {0}, {0}, {0}})}) {
    const torch::Tensor loss = GatedLoss(vit, images, labels, {{2, open}}, OracleMode::kSelective);
    EXPECT_NEAR(loss.item<double>(), dense, 1e-10);
  }
}

}  // namespace
}  // namespace sluice::gate
