#include "worker/gate/prefix.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/gated_loss.h"

namespace sluice::gate {
namespace {

using model::testing::SmallConfig;
using testing::CheckAgainstOracle;
using testing::ExpectSameGradients;
using testing::GatedLoss;
using testing::kAll;
using testing::NamedGradients;
using testing::OracleMode;
using testing::Repeat;

TEST(CompactTest, EveryGradientEqualsTheDetachedDenseOracleInFloat64) {
  CheckAgainstOracle(OracleMode::kCompact, torch::kDouble, 1e-9);
}

TEST(CompactTest, EveryGradientEqualsTheDetachedDenseOracleInFloat32) {
  CheckAgainstOracle(OracleMode::kCompact, torch::kFloat, 1e-5);
}

TEST(CompactTest, AllOpenEqualsTheDenseModel) {
  for (const auto& [dtype, tolerance] :
       {std::pair{torch::kDouble, 1e-9}, std::pair{torch::kFloat, 1e-5}}) {
    torch::manual_seed(3);
    model::Vit vit(SmallConfig(model::Pool::kClassToken, true));
    vit->to(dtype);
    const torch::Tensor images = torch::randn({4, 2, 12, 12}, dtype);
    const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
    const torch::Tensor dense_loss =
        at::cross_entropy_loss(vit->Forward(images), labels, {}, at::Reduction::Sum);
    const NamedGradients expected = testing::Gradients(vit, dense_loss);
    for (const OracleMode mode : {OracleMode::kCompact, OracleMode::kSelective}) {
      const torch::Tensor loss =
          GatedLoss(vit, images, labels, {{2, std::vector<uint8_t>(36, 1)}}, mode);
      EXPECT_NEAR(loss.item<double>(), dense_loss.item<double>(),
                  tolerance * dense_loss.item<double>());
      ExpectSameGradients(testing::Gradients(vit, loss), expected, tolerance);
    }
  }
}

TEST(CompactTest, EvaluationRowsEqualTrainingRows) {
  torch::manual_seed(5);
  model::Vit vit(SmallConfig(model::Pool::kClassToken, false));
  vit->to(torch::kDouble);
  const torch::Tensor images = torch::randn({4, 2, 12, 12}, torch::kDouble);
  const auto open = Repeat({{0, 1, 2, 7}, {3}, kAll, {4, 8}});
  Prefix prefix = StartPrefix(vit, images);
  RunPrefix(vit, 1, true, prefix);
  const PackedRows wide = Pack(std::vector<uint8_t>(36, 1), 4, 9);
  Narrow(wide, prefix);
  RunPrefix(vit, 2, true, prefix);
  const PackedRows packed = Pack(open, 4, 9);
  const torch::Tensor difference = RerunOpenRows(vit, prefix, packed) - TakeRows(prefix, packed);
  EXPECT_LE(difference.abs().max().item<double>(), 1e-12);
}

}  // namespace
}  // namespace sluice::gate
