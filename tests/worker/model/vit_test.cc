#include "worker/model/vit.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/dense_oracle.h"
#include "tests/worker/model/small_vit.h"
#include "worker/model/weights.h"

namespace sluice::model {
namespace {

using gate::testing::DenseOracleLoss;
using gate::testing::Gradients;
using testing::SmallConfig;

using Shapes = std::map<std::string, std::vector<int64_t>>;

Shapes ShapesOf(const Vit& vit) {
  Shapes shapes;
  for (const auto& [name, parameter] : NamedParameters(vit)) shapes[name] = parameter.sizes().vec();
  return shapes;
}

// The names and shapes of timm's VisionTransformer(img_size=12, patch_size=4, in_chans=2,
// num_classes=5, embed_dim=16, depth=4, num_heads=2, mlp_ratio=2.5).
Shapes TimmShapes(bool mean_pooling, bool pre_norm, bool layer_scale) {
  Shapes shapes = {{"cls_token", {1, 1, 16}},
                   {"pos_embed", {1, 10, 16}},
                   {"patch_embed.proj.weight", {16, 2, 4, 4}},
                   {"head.weight", {5, 16}},
                   {"head.bias", {5}}};
  if (!pre_norm) shapes["patch_embed.proj.bias"] = {16};
  const auto norm = [&shapes](const std::string& name) {
    shapes[name + ".weight"] = {16};
    shapes[name + ".bias"] = {16};
  };
  if (pre_norm) norm("norm_pre");
  norm(mean_pooling ? "fc_norm" : "norm");
  for (int i = 0; i < 4; ++i) {
    const std::string block = "blocks." + std::to_string(i);
    norm(block + ".norm1");
    norm(block + ".norm2");
    shapes[block + ".attn.qkv.weight"] = {48, 16};
    shapes[block + ".attn.qkv.bias"] = {48};
    shapes[block + ".attn.proj.weight"] = {16, 16};
    shapes[block + ".attn.proj.bias"] = {16};
    shapes[block + ".mlp.fc1.weight"] = {40, 16};
    shapes[block + ".mlp.fc1.bias"] = {40};
    shapes[block + ".mlp.fc2.weight"] = {16, 40};
    shapes[block + ".mlp.fc2.bias"] = {16};
    if (layer_scale) shapes[block + ".ls1.gamma"] = shapes[block + ".ls2.gamma"] = {16};
  }
  return shapes;
}

TEST(VitTest, ParametersHaveTimmsNamesAndShapes) {
  for (const bool mean : {false, true}) {
    for (const bool pre_norm : {false, true}) {
      for (const bool layer_scale : {false, true}) {
        VitConfig config = SmallConfig(mean ? Pool::kMean : Pool::kClassToken, pre_norm);
        config.layer_scale = layer_scale;
        EXPECT_EQ(ShapesOf(Vit(config)), TimmShapes(mean, pre_norm, layer_scale))
            << mean << pre_norm << layer_scale;
      }
    }
  }
}

// timm's counts. DINOv2's own 22,056,576 has a mask token of 384 more, which only its pre-training
// uses.
TEST(VitTest, PresetsHaveTheKnownNumberOfParameters) {
  const auto count = [](const VitConfig& config) {
    int64_t sum = 0;
    for (const auto& item : NamedParameters(Vit(config))) sum += item.second.numel();
    return sum;
  };
  EXPECT_EQ(count(*VitPreset("vit_tiny")), 5'717'416);
  EXPECT_EQ(count(*VitPreset("vit_small")), 22'050'664);
  VitConfig dino = *VitPreset("vit_small_patch14_dinov2");
  EXPECT_EQ(count(dino) - (384 + 1) * dino.classes, 22'056'192);
}

TEST(VitTest, TheSameSeedGivesTheSameParameters) {
  const auto draw = [](uint64_t seed) {
    torch::manual_seed(seed);
    return NamedParameters(Vit(SmallConfig(Pool::kMean, true)));
  };
  const NamedTensors a = draw(5), b = draw(5), c = draw(6);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
  EXPECT_FALSE(a[0].second.equal(c[0].second));
}

TEST(VitTest, PatchesStandInTheOrderOfTheConvolution) {
  torch::manual_seed(1);
  Vit vit(SmallConfig(Pool::kClassToken, false));
  vit->to(torch::kDouble);
  const torch::Tensor images = torch::randn({3, 2, 12, 12}, torch::kDouble);
  const torch::Tensor expected =
      torch::conv2d(images, vit->patch_proj->weight, vit->patch_proj->bias, 4)
          .flatten(2)
          .transpose(1, 2);
  const torch::Tensor embedded = vit->Embed(images) - vit->pos_embed;
  EXPECT_LE((embedded.slice(1, 1) - expected).abs().max().item<double>(), 1e-12);
  EXPECT_LE((embedded.select(1, 0) - vit->cls_token[0]).abs().max().item<double>(), 1e-12);
  EXPECT_EQ(vit->Patchify(images).sizes(), (std::vector<int64_t>{3, 9, 32}));
}

TEST(VitTest, ChosenRowsEqualThoseOfTheWholeEmbeddingAndSoDoTheirGradients) {
  for (const bool features : {false, true}) {
    torch::manual_seed(1);
    Vit vit(SmallConfig(Pool::kClassToken, features));
    vit->to(torch::kDouble);
    const torch::Tensor images = torch::randn({2, 2, 12, 12}, torch::kDouble);
    // Image 0: class token, patches 3 and 9; image 1: class token, patch 3.
    const torch::Tensor token = torch::tensor({0, 3, 9, 0, 3}, torch::kLong);
    const torch::Tensor row = torch::tensor({0, 3, 9, 10, 13}, torch::kLong);
    const torch::Tensor padded =
        at::constant_pad_nd(vit->Patchify(images), {0, 0, 1, 0}).flatten(0, 1);
    const torch::Tensor weights = torch::randn({5, 16}, torch::kDouble);
    const torch::Tensor whole = vit->Embed(images).flatten(0, 1).index_select(0, row);
    const torch::Tensor chosen = vit->EmbedRows({padded.index_select(0, row), token});
    EXPECT_LE((whole - chosen).abs().max().item<double>(), 1e-12);
    const auto expected = Gradients(vit, (whole * weights).sum());
    const auto actual = Gradients(vit, (chosen * weights).sum());
    for (const auto& [name, gradient] : expected)
      EXPECT_LE((actual.at(name) - gradient).abs().max().item<double>(), 1e-12) << name;
  }
}

TEST(VitTest, ForwardAndGradientsEqualTheSpelledOutModel) {
  for (const Pool pool : {Pool::kClassToken, Pool::kMean}) {
    for (const bool features : {false, true}) {
      torch::manual_seed(8);
      Vit vit(SmallConfig(pool, features));
      vit->to(torch::kDouble);
      const torch::Tensor images = torch::randn({3, 2, 12, 12}, torch::kDouble);
      const torch::Tensor labels = torch::tensor({4, 0, 2}, torch::kLong);
      const std::vector<uint8_t> all(27, 1);
      const torch::Tensor loss =
          at::cross_entropy_loss(vit->Forward(images), labels, {}, at::Reduction::Sum);
      const torch::Tensor oracle = DenseOracleLoss(vit, images, labels, 2, all);
      EXPECT_NEAR(loss.item<double>(), oracle.item<double>(), 1e-11);
      const auto expected = Gradients(vit, oracle);
      const auto actual = Gradients(vit, loss);
      for (const auto& [name, gradient] : expected) {
        EXPECT_LE((actual.at(name) - gradient).norm().item<double>(),
                  1e-10 * std::max(gradient.norm().item<double>(), 1e-3))
            << name;
      }
    }
  }
}

TEST(VitTest, ANewClassifierReplacesOnlyTheClassifier) {
  Vit vit(SmallConfig(Pool::kClassToken, false));
  const NamedTensors before = NamedParameters(vit);
  vit->ReplaceHead(7);
  const NamedTensors after = NamedParameters(vit);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(vit->config().classes, 7);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].first, before[i].first);
    if (before[i].first == "head.weight") {
      EXPECT_EQ(after[i].second.sizes(), (std::vector<int64_t>{7, 16}));
    } else if (before[i].first == "head.bias") {
      EXPECT_TRUE(after[i].second.equal(torch::zeros({7})));
    } else {
      EXPECT_TRUE(after[i].second.is_same(before[i].second)) << before[i].first;
    }
  }
  EXPECT_EQ(vit->Forward(torch::zeros({2, 2, 12, 12})).sizes(), (std::vector<int64_t>{2, 7}));
}

}  // namespace
}  // namespace sluice::model
