#include "worker/model/adapter.h"

#include <gtest/gtest.h>

#include "tests/worker/model/small_vit.h"
#include "worker/model/adapter_file.h"
#include "worker/model/vit.h"
#include "worker/model/weights.h"

namespace sluice::model {
namespace {

using testing::SmallConfig;

const std::vector<std::string> kEverywhere = {"qkv", "proj", "fc1", "fc2"};

std::vector<AdapterConfig> Kinds() {
  return {{AdapterKind::kLora, 3, 6.0, kEverywhere}, {AdapterKind::kIa3, 1, 1.0, kEverywhere}};
}

Vit WithAdapters(const AdapterConfig& config, bool trained) {
  torch::manual_seed(3);
  Vit vit(SmallConfig(Pool::kClassToken, true));
  vit->to(torch::kDouble);
  vit->Attach(config);
  const torch::NoGradGuard no_graph;
  for (auto& [name, tensor] : NamedAdapters(vit)) {
    if (trained) torch::Tensor(tensor).add_(torch::randn_like(tensor) * 0.3);
  }
  return vit;
}

TEST(AdapterTest, FreshAdaptersChangeNothing) {
  for (const AdapterConfig& config : Kinds()) {
    Vit vit = WithAdapters(config, /*trained=*/false);
    const torch::Tensor images = torch::randn({2, 2, 12, 12}, torch::kDouble);
    const torch::Tensor with = vit->Forward(images);
    for (Block& block : vit->blocks) {
      for (auto& [place, projection] : block->Projections()) projection->adapter().reset();
    }
    EXPECT_TRUE(vit->Forward(images).equal(with));
  }
}

TEST(AdapterTest, TheyAreNotAmongTheModelsOwnParameters) {
  Vit vit = WithAdapters(Kinds()[0], true);
  EXPECT_EQ(NamedParameters(vit).size(),
            NamedParameters(Vit(SmallConfig(Pool::kClassToken, true))).size());
  const NamedTensors adapters = NamedAdapters(vit);
  ASSERT_EQ(adapters.size(), 4u * 4u * 2u);
  EXPECT_EQ(adapters[0].first, "blocks.0.attn.proj.lora_A.weight");
  EXPECT_EQ(adapters[0].second.sizes(), (std::vector<int64_t>{3, 16}));
  EXPECT_EQ(adapters[7].first, "blocks.0.mlp.fc2.lora_B.weight");
  EXPECT_EQ(adapters[7].second.sizes(), (std::vector<int64_t>{16, 3}));
}

TEST(AdapterTest, MergedWeightsDoTheSame) {
  for (const AdapterConfig& config : Kinds()) {
    Vit vit = WithAdapters(config, true);
    const torch::Tensor images = torch::randn({2, 2, 12, 12}, torch::kDouble);
    const torch::Tensor with = vit->Forward(images);
    MergeAdapters(vit);
    EXPECT_TRUE(NamedAdapters(vit).empty());
    const torch::Tensor merged = vit->Forward(images);
    EXPECT_LE((merged - with).norm().item<double>(), 1e-12 * with.norm().item<double>());
  }
}

// By the definition, for every part of the fused qkv alone as well.
TEST(AdapterTest, ALayersOutputIsTheDefinitions) {
  for (const AdapterConfig& config : Kinds()) {
    Vit vit = WithAdapters(config, true);
    Projection& qkv = *vit->blocks[1]->Projections().at("attn.qkv");
    const torch::Tensor x = torch::randn({5, 16}, torch::kDouble);
    const torch::Tensor w = qkv.linear()->weight, b = qkv.linear()->bias;
    const Adapter& a = *qkv.adapter();
    const torch::Tensor expected = config.kind == AdapterKind::kLora
                                       ? x.mm(w.t()) + b + 2.0 * x.mm(a.lora_a.t()).mm(a.lora_b.t())
                                       : (x.mm(w.t()) + b) * a.ia3.t();
    EXPECT_TRUE(qkv(x).allclose(expected, 1e-12, 1e-12));
    EXPECT_TRUE(qkv.Rows(x, 16, 32).allclose(expected.slice(1, 16), 1e-12, 1e-12));
    Projection& fc2 = *vit->blocks[1]->Projections().at("mlp.fc2");
    const torch::Tensor hidden = torch::randn({5, 40}, torch::kDouble);
    if (config.kind == AdapterKind::kIa3) {
      EXPECT_TRUE(fc2.adapter()->scales_input());
      EXPECT_TRUE(fc2(hidden).allclose(
          (hidden * fc2.adapter()->ia3).mm(fc2.linear()->weight.t()) + fc2.linear()->bias, 1e-12,
          1e-12));
    }
  }
}

}  // namespace
}  // namespace sluice::model
