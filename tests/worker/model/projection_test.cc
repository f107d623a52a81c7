#include "worker/model/projection.h"

#include <gtest/gtest.h>

#include "tests/worker/model/small_vit.h"
#include "worker/model/vit.h"
#include "worker/model/weights.h"

namespace sluice::model {
namespace {

using testing::SmallConfig;
using Weight = OpenPart::Weight;

struct Gradients {
  torch::Tensor y, x, weight, bias;
};

Gradients GradientsOf(const OpenPart& part, int64_t first, int64_t count) {
  torch::manual_seed(2);
  Projection layer(torch::nn::Linear(6, 9));
  layer.linear()->to(torch::kDouble);
  layer.SetOpen(part, true);
  const torch::Tensor x = torch::randn({2, 4, 6}, torch::kDouble).requires_grad_();
  const torch::Tensor y = layer.Rows(x, first, count);
  (y * torch::randn_like(y)).sum().backward();
  const auto of = [](const torch::Tensor& t) {
    return t.grad().defined() ? t.grad() : torch::zeros_like(t);
  };
  return {y, of(x), of(layer.linear()->weight), of(layer.linear()->bias)};
}

torch::Tensor Mask(int64_t size, const torch::Tensor& index) {
  return torch::zeros({size}, torch::kDouble).index_fill_(0, index, 1.0);
}

class ProjectionTest : public ::testing::TestWithParam<std::pair<int64_t, int64_t>> {};

// What is open has the gradient of the whole, the rest none; the output and x's gradient are the
// whole's to the bit.
TEST_P(ProjectionTest, OpenPartsHaveTheGradientOfTheWhole) {
  const auto [first, count] = GetParam();
  const Gradients whole = GradientsOf({}, first, count);
  const torch::Tensor rows = torch::tensor({1, 2, 6, 8}), columns = torch::tensor({0, 3, 4});
  for (const bool bias : {false, true}) {
    const torch::Tensor row_mask = Mask(9, rows), column_mask = Mask(6, columns);
    const std::vector<std::tuple<OpenPart, torch::Tensor, torch::Tensor>> cases = {
        {{Weight::kRows, rows, bias}, whole.weight * row_mask.unsqueeze(1), whole.bias * row_mask},
        {{Weight::kColumns, columns, bias},
         whole.weight * column_mask,
         whole.bias * (bias ? 1.0 : 0.0)},
        {{Weight::kNone, {}, bias}, whole.weight * 0.0, whole.bias * (bias ? 1.0 : 0.0)}};
    for (const auto& [part, weight, expected_bias] : cases) {
      const Gradients actual = GradientsOf(part, first, count);
      EXPECT_TRUE(actual.y.equal(whole.y));
      EXPECT_TRUE(actual.x.allclose(whole.x, 1e-12, 1e-14));
      EXPECT_TRUE(actual.weight.allclose(weight, 1e-12, 1e-14));
      EXPECT_TRUE(actual.bias.allclose(expected_bias, 1e-12, 1e-14));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, ProjectionTest,
                         ::testing::Values(std::pair<int64_t, int64_t>{0, 9},
                                           std::pair<int64_t, int64_t>{0, 3},
                                           std::pair<int64_t, int64_t>{3, 6}));

TEST(ClosedProjectionTest, NothingOpenUnderNothingThatNeedsAGradientHasNoGraph) {
  Projection layer(torch::nn::Linear(6, 9));
  layer.SetOpen({Weight::kNone, {}, false}, true);
  EXPECT_FALSE(layer(torch::randn({3, 6})).requires_grad());
}

// The gradient of a whole model, by parts of it: head 1 of block 1 and the MLP of block 2 are open.
TEST(ModelOpenTest, AModelsOpenPartsHaveTheGradientOfTheWhole) {
  torch::manual_seed(4);
  Vit vit(SmallConfig(Pool::kClassToken, true));
  vit->to(torch::kDouble);
  const torch::Tensor images = torch::randn({3, 2, 12, 12}, torch::kDouble);
  const auto gradients = [&] {
    vit->zero_grad();
    vit->Forward(images).pow(2).sum().backward();
    std::map<std::string, torch::Tensor> result;
    for (const auto& [name, p] : NamedParameters(vit))
      result[name] = p.grad().defined() ? p.grad().clone() : torch::zeros_like(p);
    return result;
  };
  const auto whole = gradients();
  ModelOpen open;
  open.rest = open.classifier = false;
  open.blocks.assign(4, {{0, 0}, false, false, false});
  open.blocks[1] = {{0, 1}, false, true, false};
  open.blocks[2] = {{0, 0}, true, true, true};
  vit->SetOpen(open);
  std::map<std::string, torch::Tensor> expected;
  for (const auto& [name, gradient] : whole) expected[name] = torch::zeros_like(gradient);
  const auto take = [&](const std::string& name) { expected[name] = whole.at(name); };
  for (const char* own : {"attn.proj.bias", "norm1.weight", "norm1.bias", "norm2.weight",
                          "norm2.bias", "ls1.gamma", "ls2.gamma"}) {
    take(std::string("blocks.1.") + own);
    take(std::string("blocks.2.") + own);
  }
  for (const char* mlp : {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"})
    take(std::string("blocks.2.mlp.") + mlp);
  for (const int64_t part : {0, 1, 2}) {
    const auto rows = torch::indexing::Slice(16 * part + 8, 16 * part + 16);
    for (const std::string name : {"blocks.1.attn.qkv.weight", "blocks.1.attn.qkv.bias"})
      expected[name].index_put_({rows}, whole.at(name).index({rows}));
  }
  const auto columns = torch::indexing::Slice(8, 16);
  expected["blocks.1.attn.proj.weight"].index_put_(
      {torch::indexing::Slice(), columns},
      whole.at("blocks.1.attn.proj.weight").index({torch::indexing::Slice(), columns}));
  const auto actual = gradients();
  for (const auto& [name, gradient] : expected)
    EXPECT_TRUE(actual.at(name).allclose(gradient, 1e-10, 1e-13)) << name;
  vit->SetOpen({});
  for (const auto& [name, gradient] : gradients()) EXPECT_TRUE(gradient.equal(whole.at(name)));
}

TEST(ModelOpenTest, AFrozenBackboneLeavesTheClassifierAlone) {
  Vit vit(SmallConfig(Pool::kMean, true));
  vit->FreezeBackbone();
  for (const auto& [name, p] : NamedParameters(vit))
    EXPECT_EQ(p.requires_grad(), name == "head.weight" || name == "head.bias") << name;
}

}  // namespace
}  // namespace sluice::model
