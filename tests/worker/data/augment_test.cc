#include "worker/data/augment.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

const ImageShape kShape{3, 12, 10};

AugmentOptions Everything() {
  AugmentOptions options;
  options.flip_probability = 0.5;
  options.crop_padding = 2;
  options.random_resized_crop = true;
  options.brightness = 0.4;
  options.contrast = 0.4;
  return options;
}

TEST(Augment, DefaultChangesNothing) {
  const Image image = Ramp(kShape);
  EXPECT_EQ(Augment(AugmentOptions(), image, 1, 2, 3).pixels, image.pixels);
}

TEST(Augment, DependsOnSeedEpochAndImageOnly) {
  const Image image = Ramp(kShape);
  const Image once = Augment(Everything(), image, 1, 2, 3);
  EXPECT_EQ(once.pixels, Augment(Everything(), image, 1, 2, 3).pixels);
  EXPECT_NE(once.pixels, Augment(Everything(), image, 9, 2, 3).pixels);
  EXPECT_NE(once.pixels, Augment(Everything(), image, 1, 9, 3).pixels);
  EXPECT_NE(once.pixels, Augment(Everything(), image, 1, 2, 9).pixels);
}

TEST(Augment, KeepsShapeAndRange) {
  for (uint64_t id = 0; id < 200; ++id) {
    const Image result = Augment(Everything(), Ramp(kShape), 5, 0, id);
    ASSERT_EQ(result.shape(), kShape);
    for (const float pixel : result.pixels) ASSERT_TRUE(pixel >= 0.0f && pixel <= 1.0f) << id;
  }
}

TEST(Augment, FlipsAsOftenAsAsked) {
  AugmentOptions options;
  options.flip_probability = 0.3;
  const Image image = Ramp(kShape);
  int flipped = 0;
  for (uint64_t id = 0; id < 2000; ++id) {
    const Image result = Augment(options, image, 5, 0, id);
    if (result.pixels == image.pixels) continue;
    ++flipped;
    ASSERT_EQ(result.at(1, 3, 0), image.at(1, 3, 9));
    ASSERT_EQ(result.at(2, 11, 9), image.at(2, 11, 0));
  }
  EXPECT_NEAR(flipped / 2000.0, 0.3, 0.04);
}

TEST(Augment, PaddedCropReachesEveryPlace) {
  AugmentOptions options;
  options.crop_padding = 1;
  const Image image = Ramp(kShape);
  std::set<std::pair<int, int>> places;
  for (uint64_t id = 0; id < 300; ++id) {
    const Image result = Augment(options, image, 5, 0, id);
    int matches = 0;
    for (int top = -1; top <= 1; ++top) {
      for (int left = -1; left <= 1; ++left) {
        if (result.at(0, 5, 5) != image.at(0, 5 + top, 5 + left)) continue;
        ++matches;
        places.insert({top, left});
        EXPECT_EQ(result.at(0, 0, 5), top < 0 ? 0.0f : image.at(0, top, 5 + left));
      }
    }
    ASSERT_EQ(matches, 1);
  }
  EXPECT_EQ(places.size(), 9u);
}

TEST(Augment, ResizedCropOfTheWholeIsTheImage) {
  AugmentOptions options;
  options.random_resized_crop = true;
  options.scale_low = options.scale_high = 1.0;
  options.ratio_low = options.ratio_high = 1.0;
  const Image image = Ramp({1, 8, 8});
  EXPECT_EQ(Augment(options, image, 1, 1, 1).pixels, image.pixels);
  options.scale_low = options.scale_high = 0.25;
  // A quarter of a ramp spans less than the whole.
  const Image part = Augment(options, image, 1, 1, 1);
  const auto [low, high] = std::minmax_element(part.pixels.begin(), part.pixels.end());
  EXPECT_LT(*high - *low, 0.5f);
}

TEST(Augment, JitterStaysInItsRange) {
  AugmentOptions options;
  options.brightness = 0.2;
  Image image = Image::Zeros({1, 2, 2});
  for (float& pixel : image.pixels) pixel = 0.5f;
  float low = 1.0f;
  float high = 0.0f;
  for (uint64_t id = 0; id < 500; ++id) {
    const float value = Augment(options, image, 1, 1, id).pixels[0];
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_NEAR(low, 0.4f, 0.005f);
  EXPECT_NEAR(high, 0.6f, 0.005f);
  options.brightness = 0.0;
  options.contrast = 0.5;
  EXPECT_EQ(Augment(options, image, 1, 1, 1).pixels, image.pixels);
}

TEST(Augment, NamesAnOptionOutOfRange) {
  EXPECT_TRUE(ValidateAugment(Everything()).ok());
  AugmentOptions options;
  options.flip_probability = 1.5;
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"flip_probability is 1.5", "[0, 1]"}));
  options = {};
  options.crop_padding = -1;
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"crop_padding is -1"}));
  options = {};
  options.scale_high = 0.01;
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"scale_high is 0.01", "[0.08, 1]"}));
  options = {};
  options.ratio_low = 0.0;
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"ratio_low"}));
  options = {};
  options.brightness = std::nan("");
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"brightness"}));
  options = {};
  options.contrast = 2;
  EXPECT_TRUE(SaysInvalid(ValidateAugment(options), {"contrast is 2"}));
}

}  // namespace
}  // namespace sluice::data
