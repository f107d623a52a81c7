#include "worker/data/pipeline.h"

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

TEST(Pipeline, DefaultChangesNothing) {
  const Sample sample{Ramp({1, 4, 4}), 0, 5};
  EXPECT_EQ(RunPipeline({}, sample, 0).pixels, sample.image.pixels);
}

TEST(Pipeline, DomainThenAugmentationThenNormalisation) {
  PipelineConfig config;
  config.domain = Domain::kInvert;
  config.augment.flip_probability = 1.0;
  config.normalization = {{1.0}, {0.5}};
  const Image result = RunPipeline(config, {{1, 1, 2, {0.25f, 1.0f}}, 0, 5}, 0);
  EXPECT_EQ(result.pixels, (std::vector<float>{-2.0f, -0.5f}));
}

// Inverting after the crop would turn the padding white.
TEST(Pipeline, PaddingIsBehindTheDomain) {
  PipelineConfig config;
  config.domain = Domain::kInvert;
  config.augment.crop_padding = 4;
  bool moved = false;
  for (uint64_t id = 0; id < 50; ++id) {
    const Image result = RunPipeline(config, {Image::Zeros({1, 4, 4}), 0, id}, 0);
    for (const float pixel : result.pixels) moved |= pixel == 0.0f;
  }
  EXPECT_TRUE(moved);
}

TEST(Pipeline, RefusesWhatDoesNotFitTheImages) {
  PipelineConfig config;
  EXPECT_TRUE(ValidatePipeline(config, {3, 4, 5}).ok());
  config.domain = Domain::kRotate90;
  EXPECT_TRUE(ValidatePipeline(config, {3, 4, 4}).ok());
  EXPECT_TRUE(SaysInvalid(ValidatePipeline(config, {3, 4, 5}), {"rotate90", "4 x 5", "square"}));
  config = {};
  config.augment.contrast = -1;
  EXPECT_TRUE(SaysInvalid(ValidatePipeline(config, {3, 4, 4}), {"contrast is -1"}));
  config = {};
  config.normalization = {{0, 0}, {1, 1}};
  EXPECT_TRUE(SaysInvalid(ValidatePipeline(config, {3, 4, 4}), {"2 means"}));
}

}  // namespace
}  // namespace sluice::data
