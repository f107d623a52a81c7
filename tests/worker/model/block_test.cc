#include "worker/model/block.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::model {
namespace {

VitConfig SmallConfig(Activation activation, bool layer_scale) {
  VitConfig config;
  config.dim = 12;
  config.heads = 3;
  config.mlp_dim = 20;
  config.activation = activation;
  config.layer_scale = layer_scale;
  config.layer_scale_init = 0.3;
  config.norm_epsilon = 1e-2;  // Large, so that a wrong one shows.
  return config;
}

double Largest(const torch::Tensor& difference) { return difference.abs().max().item<double>(); }

// softmax(q k' / sqrt(d)) v, head by head, with every operation spelled out.
torch::Tensor PlainAttention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                             int64_t heads) {
  const int64_t width = q.size(2) / heads;
  std::vector<torch::Tensor> outputs;
  for (int64_t h = 0; h < heads; ++h) {
    const auto part = [&](const torch::Tensor& x) { return x.narrow(2, h * width, width); };
    torch::Tensor scores =
        torch::matmul(part(q), part(k).transpose(1, 2)) / std::sqrt(double(width));
    scores = (scores - scores.amax(2, true)).exp();
    outputs.push_back(torch::matmul(scores / scores.sum(2, true), part(v)));
  }
  return torch::cat(outputs, 2);
}

torch::Tensor PlainNorm(const torch::Tensor& x, const torch::nn::LayerNorm& norm, double epsilon) {
  const torch::Tensor centred = x - x.mean(-1, true);
  return centred / (centred.pow(2).mean(-1, true) + epsilon).sqrt() * norm->weight + norm->bias;
}

torch::Tensor PlainLinear(const torch::Tensor& x, const torch::nn::Linear& linear) {
  return torch::matmul(x, linear->weight.t()) + linear->bias;
}

torch::Tensor PlainBlock(Block& block, const torch::Tensor& x, const VitConfig& c) {
  const torch::Tensor qkv =
      PlainLinear(PlainNorm(x, block->norm1, c.norm_epsilon), block->attn->qkv);
  torch::Tensor out = PlainAttention(qkv.narrow(2, 0, c.dim), qkv.narrow(2, c.dim, c.dim),
                                     qkv.narrow(2, 2 * c.dim, c.dim), c.heads);
  out = PlainLinear(out, block->attn->proj);
  if (c.layer_scale) out = out * block->ls1->gamma;
  const torch::Tensor y = x + out;
  torch::Tensor m = PlainLinear(PlainNorm(y, block->norm2, c.norm_epsilon), block->mlp->fc1);
  m = c.activation == Activation::kGelu ? 0.5 * m * (1 + torch::erf(m / std::sqrt(2.0)))
                                        : m / (1 + (-1.702 * m).exp());
  m = PlainLinear(m, block->mlp->fc2);
  if (c.layer_scale) m = m * block->ls2->gamma;
  return y + m;
}

TEST(BlockTest, ForwardEqualsTheSpelledOutBlock) {
  for (const Activation activation : {Activation::kGelu, Activation::kQuickGelu}) {
    for (const bool layer_scale : {false, true}) {
      torch::manual_seed(2);
      const VitConfig config = SmallConfig(activation, layer_scale);
      Block block(config);
      block->to(torch::kDouble);
      {
        const torch::NoGradGuard no_graph;
        for (torch::Tensor& p : block->parameters()) p.add_(torch::randn_like(p) * 0.3);
      }
      const torch::Tensor x = torch::randn({2, 5, 12}, torch::kDouble) * 2;
      EXPECT_LE(Largest(block->Forward(x) - PlainBlock(block, x, config)), 1e-12);
    }
  }
}

TEST(BlockTest, PiecesWorkOnRowsOfAnyLeadingShape) {
  torch::manual_seed(2);
  Block block(SmallConfig(Activation::kGelu, true));
  block->to(torch::kDouble);
  const torch::Tensor x = torch::randn({2, 5, 12}, torch::kDouble);
  const torch::Tensor y = torch::randn({2, 5, 12}, torch::kDouble);
  const torch::Tensor flat_x = x.flatten(0, 1), flat_y = y.flatten(0, 1);
  EXPECT_LE(Largest(block->Qkv(flat_x) - block->Qkv(x).flatten(0, 1)), 1e-14);
  EXPECT_LE(Largest(block->AfterMlp(flat_x) - block->AfterMlp(x).flatten(0, 1)), 1e-14);
  EXPECT_LE(
      Largest(block->AfterAttention(flat_x, flat_y) - block->AfterAttention(x, y).flatten(0, 1)),
      1e-14);
}

TEST(BlockTest, LayerScaleStartsAtItsValueAndIsAbsentWithoutIt) {
  Block with(SmallConfig(Activation::kGelu, true));
  EXPECT_TRUE(with->ls1->gamma.equal(torch::full({12}, 0.3)));
  EXPECT_TRUE(with->ls2->gamma.equal(torch::full({12}, 0.3)));
  Block without(SmallConfig(Activation::kGelu, false));
  EXPECT_TRUE(without->ls1.is_empty());
  EXPECT_TRUE(without->ls2.is_empty());
}

TEST(BlockTest, AttendTakesStridedViewsAndOtherNumbersOfKeys) {
  torch::manual_seed(3);
  const torch::Tensor qkv = torch::randn({2, 6, 36}, torch::kDouble);
  const torch::Tensor q = qkv.narrow(1, 1, 2).narrow(2, 0, 12);
  const torch::Tensor k = qkv.narrow(2, 12, 12), v = qkv.narrow(2, 24, 12);
  const torch::Tensor out = Attend(q, k, v, 3);
  ASSERT_EQ(out.sizes(), (std::vector<int64_t>{2, 2, 12}));
  EXPECT_LE(Largest(out - PlainAttention(q, k, v, 3)), 1e-12);
}

TEST(BlockTest, NobodyAttendsToClosedKeys) {
  torch::manual_seed(4);
  const torch::Tensor q = torch::randn({2, 3, 12}, torch::kDouble);
  const torch::Tensor k = torch::randn({2, 5, 12}, torch::kDouble);
  const torch::Tensor v = torch::randn({2, 5, 12}, torch::kDouble);
  torch::Tensor closed = torch::zeros({2, 5}, torch::kBool);
  closed[0][1] = true;
  closed[0][4] = true;
  closed[1][0] = true;
  const torch::Tensor out = Attend(q, k, v, 3, closed);
  const std::vector<std::vector<int64_t>> open = {{0, 2, 3}, {1, 2, 3, 4}};
  for (int64_t i = 0; i < 2; ++i) {
    const torch::Tensor index = torch::tensor(open[i]);
    const auto image = [i](const torch::Tensor& x) { return x.narrow(0, i, 1); };
    const torch::Tensor expected = PlainAttention(image(q), image(k).index_select(1, index),
                                                  image(v).index_select(1, index), 3);
    EXPECT_LE(Largest(image(out) - expected), 1e-12) << i;
  }
}

}  // namespace
}  // namespace sluice::model
