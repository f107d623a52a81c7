#include "worker/data/domain.h"

#include <cmath>
#include <numeric>

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

const ImageShape kDomainShape{1, 28, 28};

double Mean(const Image& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) /
         static_cast<double>(image.pixels.size());
}

Image Grey() {
  Image image = Image::Zeros({1, 64, 64});
  for (float& pixel : image.pixels) pixel = 0.5f;
  return image;
}

TEST(Domain, NamesGoBothWays) {
  EXPECT_EQ(DomainNames().size(), 7u);
  for (const std::string& name : DomainNames()) {
    const auto domain = ParseDomain(name);
    ASSERT_TRUE(domain.ok()) << domain.status();
    EXPECT_EQ(DomainName(*domain), name);
  }
  EXPECT_EQ(*ParseDomain("flip_shift"), Domain::kFlipShift);
  EXPECT_TRUE(SaysInvalid(ParseDomain("negate").status(), {"'negate'", "invert, rotate90"}));
}

TEST(Domain, AllAreRepeatableKeepTheRangeAndDiffer) {
  const Image image = Ramp(kDomainShape);
  for (const std::string& name : DomainNames()) {
    const Domain domain = *ParseDomain(name);
    const Image once = Apply(domain, image, 7);
    EXPECT_EQ(once.pixels, Apply(domain, image, 7).pixels) << name;
    EXPECT_EQ(once.shape(), kDomainShape) << name;
    for (const float pixel : once.pixels) ASSERT_TRUE(pixel >= 0.0f && pixel <= 1.0f) << name;
    EXPECT_EQ(once.pixels == image.pixels, domain == Domain::kNone) << name;
  }
}

TEST(Domain, InvertTwiceIsTheImage) {
  const Image image{1, 1, 3, {0.0f, 0.25f, 1.0f}};
  EXPECT_EQ(Apply(Domain::kInvert, image, 0).pixels, (std::vector<float>{1.0f, 0.75f, 0.0f}));
}

// As numpy.rot90: [[0, 1, 2], [3, 4, 5]] becomes [[2, 5], [1, 4], [0, 3]].
TEST(Domain, RotatesCounterClockwise) {
  const Image image{1, 2, 3, {0.0f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f}};
  const Image rotated = Apply(Domain::kRotate90, image, 0);
  EXPECT_EQ(rotated.shape(), (ImageShape{1, 3, 2}));
  EXPECT_EQ(rotated.pixels, (std::vector<float>{0.2f, 0.5f, 0.1f, 0.4f, 0.0f, 0.3f}));
}

TEST(Domain, NoiseHasItsDeviationAndFollowsTheId) {
  const Image noisy = Apply(Domain::kNoise, Grey(), 3);
  EXPECT_NE(noisy.pixels, Apply(Domain::kNoise, Grey(), 4).pixels);
  EXPECT_NEAR(Mean(noisy), 0.5, 0.02);
  // Clamping at 5/3 deviations leaves 9.56 % of a normal's draws at the two ends.
  double clamped = 0;
  for (const float pixel : noisy.pixels) clamped += pixel == 0.0f || pixel == 1.0f ? 1 : 0;
  EXPECT_NEAR(clamped / 4096, 0.0956, 0.02);
}

TEST(Domain, NoiseTreatsChannelsApart) {
  Image image = Image::Zeros({2, 8, 8});
  for (float& pixel : image.pixels) pixel = 0.5f;
  const Image noisy = Apply(Domain::kNoise, image, 3);
  EXPECT_NE(noisy.at(0, 4, 4), noisy.at(1, 4, 4));
}

TEST(Domain, BlurSpreadsAPointAsAGaussian) {
  Image image = Image::Zeros(kDomainShape);
  image.at(0, 14, 14) = 1.0f;
  const Image blurred = Apply(Domain::kBlur, image, 0);
  EXPECT_NEAR(Mean(blurred) * 784, 1.0, 1e-5);
  // A normal with sigma 1 at whole steps, up to 3: 0.39905, 0.24204.
  EXPECT_NEAR(blurred.at(0, 14, 14), 0.39905 * 0.39905, 1e-4);
  EXPECT_NEAR(blurred.at(0, 14, 15), 0.39905 * 0.24204, 1e-4);
  EXPECT_FLOAT_EQ(blurred.at(0, 13, 14), blurred.at(0, 14, 15));
  EXPECT_EQ(blurred.at(0, 14, 18), 0.0f);
  for (const float pixel : Apply(Domain::kBlur, Grey(), 0).pixels) EXPECT_NEAR(pixel, 0.5f, 1e-6);
}

TEST(Domain, ContrastKeepsTheMean) {
  const Image image{1, 1, 4, {0.0f, 0.0f, 1.0f, 1.0f}};
  const Image reduced = Apply(Domain::kContrast, image, 0);
  EXPECT_NEAR(reduced.pixels[0], 0.35f, 1e-6);
  EXPECT_NEAR(reduced.pixels[3], 0.65f, 1e-6);
}

TEST(Domain, FlipShiftMirrorsAndMovesDownRight) {
  const Image image = Ramp(kDomainShape);
  const Image moved = Apply(Domain::kFlipShift, image, 0);
  for (int i = 0; i < 28; ++i) {
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ(moved.at(0, j, i), 0.0f);
      EXPECT_EQ(moved.at(0, i, j), 0.0f);
    }
  }
  EXPECT_EQ(moved.at(0, 4, 4), image.at(0, 0, 27));
  EXPECT_EQ(moved.at(0, 27, 27), image.at(0, 23, 4));
}

}  // namespace
}  // namespace sluice::data
