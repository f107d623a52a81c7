#include "worker/gate/mask.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/dense_oracle.h"
#include "tests/worker/model/small_vit.h"

namespace sluice::gate {
namespace {

using testing::OracleGate;
using testing::OracleMode;

torch::Tensor OpenWithClass(const std::vector<uint8_t>& open, torch::ScalarType type) {
  const torch::Tensor patches =
      torch::tensor(std::vector<int64_t>(open.begin(), open.end())).reshape({-1, 9});
  return torch::cat({torch::ones({patches.size(0), 1}, torch::kLong), patches}, 1).to(type);
}

TEST(MaskTest, TheGradientIsTheStraightThroughFormula) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({2, 4, 3}, torch::kDouble).requires_grad_(true);
  const torch::Tensor u = torch::rand({2, 4}, torch::kDouble).requires_grad_(true);
  const torch::Tensor open = torch::tensor({{1, 0, 1, 1}, {0, 0, 1, 0}}).to(torch::kDouble);
  const torch::Tensor g = torch::randn({2, 4, 3}, torch::kDouble);
  const torch::Tensor out = MaskRows(x, open, u);
  EXPECT_TRUE(out.equal(x * open.unsqueeze(-1)));
  out.backward(g);
  EXPECT_TRUE(x.grad().allclose(g * u.detach().unsqueeze(-1), 1e-12, 1e-12));
  EXPECT_TRUE(u.grad().allclose((g * x.detach()).sum(-1), 1e-12, 1e-12));
}

// Two gates and both ways of pooling, by the oracle's expression x * u - (x * u)' + (x * open)'.
TEST(MaskTest, EveryGradientEqualsTheOracle) {
  const std::vector<uint8_t> first = {1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  const std::vector<uint8_t> second = {0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    torch::manual_seed(7);
    model::Vit vit(model::testing::SmallConfig(pool, true));
    vit->to(torch::kDouble);
    const torch::Tensor images = torch::randn({2, 2, 12, 12}, torch::kDouble);
    const torch::Tensor labels = torch::tensor({0, 4}, torch::kLong);
    const std::vector<OracleGate> gates = {{1, first}, {3, second}};
    std::vector<torch::Tensor> scores, same;
    for (int k = 0; k < 2; ++k) {
      const torch::Tensor drawn = torch::rand({2, 9}, torch::kDouble);
      scores.push_back(drawn.clone().requires_grad_(true));
      same.push_back(drawn.clone().requires_grad_(true));
    }
    const torch::Tensor oracle =
        testing::DenseOracleLoss(vit, images, labels, gates, OracleMode::kMask, same);
    const testing::NamedGradients expected = testing::Gradients(vit, oracle);

    torch::Tensor x = vit->Embed(images), open;
    for (int64_t i = 0; i < 4; ++i) {
      for (size_t k = 0; k < 2; ++k) {
        if (gates[k].layer != i) continue;
        open = OpenWithClass(gates[k].open, torch::kDouble);
        x = MaskRows(x, open, torch::cat({torch::ones({2, 1}, torch::kDouble), scores[k]}, 1));
      }
      x = open.defined() ? AfterMaskedQkv(vit->blocks[i], x, vit->blocks[i]->Qkv(x), open)
                         : vit->blocks[i]->Forward(x);
    }
    const torch::Tensor loss = at::cross_entropy_loss(vit->Classify(PoolMasked(vit, x, open)),
                                                      labels, {}, at::Reduction::Sum);
    EXPECT_NEAR(loss.item<double>(), oracle.item<double>(), 1e-10);
    for (const auto& [name, gradient] : testing::Gradients(vit, loss)) {
      const double scale = std::max(expected.at(name).norm().item<double>(), 1e-3);
      EXPECT_LE((gradient - expected.at(name)).norm().item<double>() / scale, 1e-9) << name;
    }
    for (int k = 0; k < 2; ++k) {
      EXPECT_TRUE(scores[k].grad().allclose(same[k].grad(), 1e-9, 1e-12)) << k;
      EXPECT_GT(scores[k].grad().abs().sum().item<double>(), 0.0);
    }
  }
}

}  // namespace
}  // namespace sluice::gate
