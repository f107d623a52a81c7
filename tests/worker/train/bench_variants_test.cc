#include "worker/train/bench_variants.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/common/says.h"
#include "tests/worker/model/small_vit.h"

namespace sluice::train {
namespace {

// Four blocks, nine patches, five classes.
model::VitConfig NinePatches() {
  return model::testing::SmallConfig(model::Pool::kClassToken, false);
}

std::vector<BenchVariant> VariantsOf(const std::vector<std::string>& modes,
                                     const std::vector<double>& rates,
                                     const std::vector<int64_t>& layers) {
  auto variants = MakeBenchVariants(modes, rates, layers, "head", NinePatches());
  EXPECT_TRUE(variants.ok()) << variants.status();
  return variants.ok() ? *variants : std::vector<BenchVariant>();
}

TEST(BenchVariantsTest, EveryModeStandsAtEveryRateAndDenseOnce) {
  const auto variants = VariantsOf({"selective", "dense", "compact"}, {0.25, 0.8}, {1});
  std::vector<std::pair<std::string, double>> got;
  for (const BenchVariant& v : variants) got.emplace_back(v.mode, v.rate);
  EXPECT_EQ(got, (std::vector<std::pair<std::string, double>>{{"selective", 0.25},
                                                              {"selective", 0.8},
                                                              {"dense", 1.0},
                                                              {"compact", 0.25},
                                                              {"compact", 0.8}}));
  EXPECT_EQ(variants[0].settings.mode, Mode::kSelective);
  EXPECT_EQ(variants[2].settings.mode, Mode::kDense);
  EXPECT_EQ(variants[4].settings.mode, Mode::kCompact);
}

TEST(BenchVariantsTest, GatesGoByBudgetAndHeadsAreNotTrained) {
  for (const BenchVariant& v : VariantsOf({"compact", "dense"}, {0.25, 0.8}, {1, 3})) {
    // The scorer needs a head, and a run would train it.
    EXPECT_EQ(v.settings.scorer, gate::Scorer::kHead);
    EXPECT_FALSE(v.settings.train_head);
    ASSERT_EQ(v.settings.gates.size(), 2u);
    EXPECT_EQ(v.settings.gates[0].layer, 1);
    EXPECT_EQ(v.settings.gates[1].layer, 3);
    for (const GateAt& gate : v.settings.gates) {
      EXPECT_EQ(gate.policy.kind, gate::PolicyKind::kBudget);
      EXPECT_EQ(gate.policy.rate, v.rate);
    }
  }
}

TEST(BenchVariantsTest, NoModesOrNoRatesAreNoVariants) {
  EXPECT_TRUE(VariantsOf({}, {0.5}, {1}).empty());
  EXPECT_TRUE(VariantsOf({"compact"}, {}, {1}).empty());
  EXPECT_EQ(VariantsOf({"compact", "dense"}, {}, {1}).size(), 1u);
}

TEST(BenchVariantsTest, WhatDoesNotFitIsRefused) {
  const model::VitConfig vit = NinePatches();
  EXPECT_TRUE(SaysInvalid(MakeBenchVariants({"compact"}, {0.5}, {4}, "random", vit).status(),
                          {"gate.layer", "'4'", "depth, 4"}));
  EXPECT_TRUE(SaysInvalid(MakeBenchVariants({"compact"}, {0.5, 0.0}, {1}, "random", vit).status(),
                          {"gate.rate", "'0'"}));
  EXPECT_TRUE(SaysInvalid(MakeBenchVariants({"compact"}, {0.5}, {}, "random", vit).status(),
                          {"gate.layer"}));
}

TEST(BenchVariantsTest, TheShapeHasTheRatesShareOfPatches) {
  // Of nine patches: 2.25, 4.5 and 7.2, rounded; at least one.
  const std::vector<std::pair<double, double>> cases = {
      {0.25, 2.0}, {0.5, 5.0}, {0.8, 7.0}, {1.0, 9.0}, {0.01, 1.0}};
  for (const auto& [rate, open] : cases) {
    const BenchVariant variant = VariantsOf({"selective"}, {rate}, {1, 3}).at(0);
    const gate::StepShape shape = ShapeOf(variant, NinePatches(), 6);
    EXPECT_EQ(shape.mode, Mode::kSelective);
    EXPECT_EQ(shape.images, 6);
    EXPECT_EQ(shape.layers, (std::vector<int64_t>{1, 3}));
    EXPECT_EQ(shape.open, (std::vector<double>{open, open})) << rate;
    EXPECT_EQ(shape.stepped, -1) << "all parameters";
  }
}

TEST(BenchVariantsTest, ADenseShapeHasNoGates) {
  const gate::StepShape shape = ShapeOf(VariantsOf({"dense"}, {0.5}, {1}).at(0), NinePatches(), 6);
  EXPECT_EQ(shape.mode, Mode::kDense);
  EXPECT_EQ(shape.images, 6);
  EXPECT_TRUE(shape.layers.empty() && shape.open.empty());
}

TEST(BenchVariantsTest, AMadeUpBatchIsTheSameEachTime) {
  const ModelBatch batch = MadeUpBatch(NinePatches(), 200);
  EXPECT_EQ(batch.images.sizes(), (std::vector<int64_t>{200, 2, 12, 12}));
  EXPECT_EQ(batch.labels.sizes(), (std::vector<int64_t>{200}));
  EXPECT_EQ(batch.labels.scalar_type(), torch::kLong);
  // Every class, and no other.
  EXPECT_EQ(batch.labels.min().item<int64_t>(), 0);
  EXPECT_EQ(batch.labels.max().item<int64_t>(), 4);
  std::vector<uint64_t> ids(200);
  std::iota(ids.begin(), ids.end(), 0);
  EXPECT_EQ(batch.ids, ids);
  torch::manual_seed(77);
  const ModelBatch again = MadeUpBatch(NinePatches(), 200);
  EXPECT_TRUE(again.images.equal(batch.images));
  EXPECT_TRUE(again.labels.equal(batch.labels));
  EXPECT_EQ(again.key.seed, batch.key.seed);
}

}  // namespace
}  // namespace sluice::train
