#include "worker/data/thumbnail.h"

#include <gtest/gtest.h>

#include <random>

#include "worker/data/decode.h"

namespace sluice::data {
namespace {

Image Noise(const ImageShape& shape) {
  std::mt19937 random(3);
  Image image = Image::Zeros(shape);
  for (float& pixel : image.pixels) pixel = static_cast<float>(random() % 256) / 255.0f;
  return image;
}

Image Back(const Image& image, int channels) {
  const auto png = Thumbnail(image);
  EXPECT_TRUE(png.ok()) << png.status();
  const auto back = DecodeImage(png.ok() ? *png : "", channels);
  EXPECT_TRUE(back.ok()) << back.status();
  return back.ok() ? *back : Image();
}

TEST(ThumbnailTest, ASmallImageIsShownAsItIs) {
  const Image image = Noise({3, 28, 96});
  const Image back = Back(image, 3);
  ASSERT_EQ(back.shape(), image.shape());
  for (size_t i = 0; i < image.pixels.size(); ++i)
    ASSERT_NEAR(back.pixels[i], image.pixels[i], 1e-6) << i;
}

TEST(ThumbnailTest, ALargeOneIsShrunkAndKeepsItsProportions) {
  Image half = Image::Zeros({1, 448, 224});
  for (int y = 224; y < 448; ++y) {
    for (int x = 0; x < 224; ++x) half.at(0, y, x) = 1.0f;
  }
  const Image back = Back(half, 1);
  ASSERT_EQ(back.shape(), (ImageShape{1, 96, 48}));
  EXPECT_EQ(back.at(0, 40, 20), 0.0f);
  EXPECT_EQ(back.at(0, 55, 20), 1.0f);
  EXPECT_EQ(Back(Noise({1, 5000, 3}), 1).shape(), (ImageShape{1, 96, 1}));
}

TEST(ThumbnailTest, OfOtherChannelsTheFirstIsShown) {
  const Image image = Noise({4, 8, 8});
  const Image back = Back(image, 1);
  ASSERT_EQ(back.shape(), (ImageShape{1, 8, 8}));
  for (size_t i = 0; i < back.pixels.size(); ++i)
    ASSERT_NEAR(back.pixels[i], image.pixels[i], 1e-6) << i;
}

// What the sidecar takes at most.
TEST(ThumbnailTest, NoiseFitsIntoAMessageToo) {
  for (const int side : {96, 97, 500}) {
    const auto png = Thumbnail(Noise({3, side, side}));
    ASSERT_TRUE(png.ok()) << png.status();
    EXPECT_LE(png->size(), size_t{32} << 10) << side;
  }
}

}  // namespace
}  // namespace sluice::data
