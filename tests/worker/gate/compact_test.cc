#include "worker/gate/compact.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/dense_oracle.h"
#include "tests/worker/model/small_vit.h"

namespace sluice::gate {
namespace {

using model::testing::SmallConfig;
using testing::NamedGradients;

std::vector<uint8_t> Repeat(const std::vector<std::vector<int>>& open_patches) {
  std::vector<uint8_t> mask(open_patches.size() * 9, 0);
  for (size_t i = 0; i < open_patches.size(); ++i) {
    for (const int j : open_patches[i]) mask[i * 9 + j] = 1;
  }
  return mask;
}

const std::vector<int> kAll = {0, 1, 2, 3, 4, 5, 6, 7, 8};

torch::Tensor CompactLoss(model::Vit& vit, const torch::Tensor& images, const torch::Tensor& labels,
                          int64_t layer, const std::vector<uint8_t>& open) {
  const Prefix prefix = RunPrefix(vit, images, layer, /*keep_qkv=*/true);
  const PackedRows packed = Pack(open, images.size(0), vit->config().patches());
  const PackedIndex index(packed, images.device());
  torch::Tensor x = RerunOpenRows(vit, prefix, packed, index);
  x = RunRagged(vit, layer, x, packed);
  const torch::Tensor logits = vit->Classify(vit->BeforePool(PoolRagged(vit, x, packed, index)));
  return at::cross_entropy_loss(logits, labels.index_select(0, index.images), {},
                                at::Reduction::Sum);
}

void ExpectSameGradients(const NamedGradients& actual, const NamedGradients& expected,
                         double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, gradient] : expected) {
    const double scale = std::max(gradient.norm().item<double>(), 1e-3);
    EXPECT_LE((actual.at(name) - gradient).norm().item<double>() / scale, tolerance) << name;
  }
}

void CheckAgainstOracle(torch::ScalarType dtype, double tolerance) {
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    for (const int64_t layer : {1, 2, 3}) {
      for (const auto& open :
           {Repeat({kAll, kAll, kAll, kAll}), Repeat({{1, 4}, {0, 8}, {2, 3}, {5, 6}}),
            Repeat({{0, 1, 2, 7}, {3}, kAll, {4, 8}}), Repeat({{}, {1, 2, 5}, {}, {0}})}) {
        torch::manual_seed(7);
        model::Vit vit(SmallConfig(pool, layer == 2));
        vit->to(dtype);
        const torch::Tensor images = torch::randn({4, 2, 12, 12}, dtype);
        const torch::Tensor labels = torch::tensor({0, 4, 2, 1}, torch::kLong);
        const NamedGradients expected =
            testing::Gradients(vit, testing::DenseOracleLoss(vit, images, labels, layer, open));
        const NamedGradients actual =
            testing::Gradients(vit, CompactLoss(vit, images, labels, layer, open));
        ExpectSameGradients(actual, expected, tolerance);
      }
    }
  }
}

TEST(CompactTest, EveryGradientEqualsTheDetachedDenseOracleInFloat64) {
  CheckAgainstOracle(torch::kDouble, 1e-9);
}

TEST(CompactTest, EveryGradientEqualsTheDetachedDenseOracleInFloat32) {
  CheckAgainstOracle(torch::kFloat, 1e-5);
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
    const torch::Tensor compact_loss =
        CompactLoss(vit, images, labels, 2, std::vector<uint8_t>(36, 1));
    EXPECT_NEAR(compact_loss.item<double>(), dense_loss.item<double>(),
                tolerance * dense_loss.item<double>());
    const NamedGradients expected = testing::Gradients(vit, dense_loss);
    ExpectSameGradients(testing::Gradients(vit, compact_loss), expected, tolerance);
  }
}

TEST(CompactTest, EvaluationRowsEqualTrainingRows) {
  torch::manual_seed(5);
  model::Vit vit(SmallConfig(model::Pool::kClassToken, false));
  vit->to(torch::kDouble);
  const torch::Tensor images = torch::randn({4, 2, 12, 12}, torch::kDouble);
  const auto open = Repeat({{0, 1, 2, 7}, {3}, kAll, {4, 8}});
  const Prefix prefix = RunPrefix(vit, images, 2, true);
  const PackedRows packed = Pack(open, 4, 9);
  const PackedIndex index(packed, images.device());
  const torch::Tensor difference =
      RerunOpenRows(vit, prefix, packed, index) - TakeOpenRows(prefix, index);
  EXPECT_LE(difference.abs().max().item<double>(), 1e-12);
}

}  // namespace
}  // namespace sluice::gate
