#include "worker/gate/flops.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/step_shape.h"
#include "tests/worker/model/small_vit.h"

namespace sluice::gate {
namespace {

using model::testing::SmallConfig;
using testing::DenseShape;
using testing::GatedShape;

// Wide enough that products outweigh attention: then the design's formulas hold.
model::VitConfig Wide() {
  model::VitConfig config;
  config.image_size = 28;
  config.channels = 1;
  config.patch = 4;
  config.dim = 4096;
  config.depth = 12;
  config.heads = 4;
  config.mlp_dim = 4 * config.dim;
  config.pool = model::Pool::kMean;  // No block is cut short.
  return config;
}

double Ratio(const model::VitConfig& config, StepShape shape) {
  shape.images = 100'000;  // The optimizer's share vanishes.
  return StepFlops(config, shape) / StepFlops(config, DenseShape(shape.images));
}

TEST(FlopsTest, RatiosAreTheDesignsFormulas) {
  const model::VitConfig config = Wide();
  const auto tokens = static_cast<double>(config.tokens());
  for (const double open : {12.0, 25.0, 39.0}) {
    const double r = (open + 1.0) / tokens;
    EXPECT_NEAR(Ratio(config, GatedShape(Mode::kSelective, {open})), (1 + 2 * r) / 3, 2e-3);
    for (const int64_t g : {1, 4, 11}) {
      const double cost = ((g + (12.0 - g) * r) + 2 * r * 12) / 36;
      EXPECT_NEAR(Ratio(config, GatedShape(Mode::kCompact, {open}, {g})), cost, 2e-3) << g;
    }
  }
}

TEST(FlopsTest, AllOpenCostsWhatDenseCosts) {
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    const model::VitConfig config = SmallConfig(pool, true);
    for (const Mode mode : {Mode::kCompact, Mode::kSelective})
      EXPECT_DOUBLE_EQ(Ratio(config, GatedShape(mode, {9.0}, {2})), 1.0);
    EXPECT_DOUBLE_EQ(Ratio(config, GatedShape(Mode::kMask, {2.0}, {2})), 1.0);
  }
}

TEST(FlopsTest, ALaterGateSavesMoreOnTopOfAnEarlierOne) {
  const model::VitConfig config = Wide();
  const StepShape one = GatedShape(Mode::kCompact, {24.0}, {2});
  const StepShape two = GatedShape(Mode::kCompact, {24.0, 12.0}, {2, 6});
  EXPECT_LT(StepFlops(config, two), StepFlops(config, one));
}

// One block of one image by hand: D = 16, M = 40, T = 10, class token, everything open.
TEST(FlopsTest, AStepIsCountedInFull) {
  model::VitConfig config = SmallConfig(model::Pool::kClassToken, false);
  config.depth = 2;
  const double first = 10 * (8 * 256 + 4 * 640 + 4 * 10 * 16);
  const double last = 10 * 4 * 256 + 4 * 256 + 4 * 640 + 4 * 10 * 16;
  const double patches = 2.0 * 32 * 16 * 9;
  const double expected =
      3 * first + 3 * last + 2 * patches + 3 * 2 * 16 * 5 + 14.0 * ParameterCount(config);
  EXPECT_DOUBLE_EQ(StepFlops(config, StepShape()), expected);
}

// Of a dense step a third is the forward, a third the gradients of rows and a third those of
// weights. Where the lowest open block is the last one, only a third of that block is added.
TEST(FlopsTest, TheFootprintGateSavesTheGradientsOfWeightsAndWhatIsBelow) {
  const model::VitConfig config = Wide();
  StepShape shape = DenseShape();
  shape.stepped = 0;
  shape.changing.assign(12, 0.5);
  EXPECT_NEAR(Ratio(config, shape), (1 + 1 + 0.5) / 3, 2e-3);
  shape.changing.assign(12, 0.0);
  shape.changing[11] = 1.0;
  shape.first_changing = 11;
  EXPECT_NEAR(Ratio(config, shape), 1.0 / 3 + 2.0 / 36, 2e-3);
  shape.first_changing = 12;
  EXPECT_NEAR(Ratio(config, shape), 1.0 / 3, 2e-3);
}

// Parameters that rest cost the optimizer nothing.
TEST(FlopsTest, OnlySteppedParametersCountForTheOptimizer) {
  const model::VitConfig config = SmallConfig(model::Pool::kMean, false);
  StepShape shape;
  const double all = StepFlops(config, shape);
  shape.stepped = 100;
  EXPECT_DOUBLE_EQ(all - StepFlops(config, shape), 14.0 * (ParameterCount(config) - 100));
}

}  // namespace
}  // namespace sluice::gate
