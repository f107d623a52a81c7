#include "worker/gate/bytes.h"

#include <gtest/gtest.h>

#include "tests/worker/gate/step_shape.h"

namespace sluice::gate {
namespace {

using testing::DenseShape;
using testing::GatedShape;

// Small enough to count by hand: D = 8, MLP 16, 2 heads, 2 blocks, 4 patches of 4 values.
model::VitConfig Tiny() {
  model::VitConfig config;
  config.image_size = 4;
  config.channels = 1;
  config.patch = 2;
  config.dim = 8;
  config.depth = 2;
  config.heads = 2;
  config.mlp_dim = 16;
  config.classes = 3;
  config.pool = model::Pool::kMean;  // No block is cut short.
  return config;
}

// A block's row: inputs of two norms, their results, q, k, v, what was attended to: 8 D; MLP before
// and after the activation: 2 M; means and deviations: 4; sums of exponentials: heads.
constexpr int64_t kRow = 4 * (8 * 8 + 2 * 16 + 4 + 2);
// Patches, 4 values each; the final norm's and the classifier's rows.
constexpr int64_t kPatch = 4 * 4;
constexpr int64_t kImage = 4 * (2 * (8 + 3) + 2);

TEST(Bytes, ParametersGradientsAndMomentsAreFloats) {
  const StepBytes bytes = CountBytes(Tiny(), DenseShape(1), {});
  const int64_t parameters = ParameterCount(Tiny());
  EXPECT_EQ(bytes.parameters, 4 * parameters);
  EXPECT_EQ(bytes.gradients, 4 * parameters);
  EXPECT_EQ(bytes.optimizer, 8 * parameters);
  EXPECT_EQ(bytes.total(), 16 * parameters + bytes.activations);
}

TEST(Bytes, DenseByHand) {
  // 3 images of 5 tokens, 4 patches.
  EXPECT_EQ(CountBytes(Tiny(), DenseShape(3), {}).activations,
            3 * (2 * 5 * kRow + 4 * kPatch + kImage));
}

TEST(Bytes, CompactByHand) {
  // Two of 4 patches open: 3 rows; in front of the gate, keys and values of all 5 rows are of their
  // own, and 3 places are known; embeddings are gathered with place and kind.
  const int64_t image = 2 * 3 * kRow + 5 * 4 * 2 * 8 + 3 * 8 + 3 * (kPatch + 8 + 8) + kImage;
  EXPECT_EQ(CountBytes(Tiny(), GatedShape(Mode::kCompact, {2.0}, {1}, 3), {}).activations,
            3 * image);
}

TEST(Bytes, SelectiveKeepsTheKeysOfAllTokensInEveryBlock) {
  const int64_t compact =
      CountBytes(Tiny(), GatedShape(Mode::kCompact, {2.0}, {1}, 3), {}).activations;
  const int64_t selective =
      CountBytes(Tiny(), GatedShape(Mode::kSelective, {2.0}, {1}, 3), {}).activations;
  EXPECT_EQ(selective - compact, 3 * (5 * 4 * 2 * 8 + 3 * 8));
}

// What stays exact is a few numbers of each row, and the patches.
TEST(Bytes, Float8TakesAQuarterOfWhatBlocksKeep) {
  model::VitConfig config = Tiny();
  config.dim = 768;
  config.mlp_dim = 3072;
  memory::Settings settings;
  const auto exact = static_cast<double>(CountBytes(config, DenseShape(8), settings).activations);
  settings.activations = memory::Storage::kFloat8;
  EXPECT_NEAR(static_cast<double>(CountBytes(config, DenseShape(8), settings).activations) / exact,
              0.25 * (1 + 4.0 / 128), 0.012);
  settings.activations = memory::Storage::kBFloat16;
  EXPECT_NEAR(static_cast<double>(CountBytes(config, DenseShape(8), settings).activations) / exact,
              0.5, 0.01);
}

TEST(Bytes, CheckpointingKeepsTheInputsAndHoldsOneBlock) {
  memory::Settings settings;
  settings.recompute = true;
  const StepBytes bytes = CountBytes(Tiny(), DenseShape(3), settings);
  EXPECT_EQ(bytes.activations, 3 * (2 * 5 * 4 * 8 + 4 * kPatch + kImage));
  EXPECT_EQ(bytes.recomputed, 3 * 5 * kRow);
}

}  // namespace
}  // namespace sluice::gate
