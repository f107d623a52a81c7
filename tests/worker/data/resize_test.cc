#include "worker/data/resize.h"

#include <gtest/gtest.h>

#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

TEST(Resize, SameSizeIsTheSame) {
  const Image image = Ramp({3, 5, 4});
  EXPECT_EQ(Resize(image, 5, 4, ResizeFilter::kBicubic).pixels, image.pixels);
}

TEST(Resize, AConstantStaysConstant) {
  Image image = Image::Zeros({2, 7, 9});
  for (float& pixel : image.pixels) pixel = 0.25f;
  for (const ResizeFilter filter : {ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
    for (const int side : {1, 3, 8, 20}) {
      const Image resized = Resize(image, side, side + 1, filter);
      EXPECT_EQ(resized.shape(), (ImageShape{2, side, side + 1}));
      for (const float pixel : resized.pixels) EXPECT_NEAR(pixel, 0.25f, 1e-6);
    }
  }
}

// Values of Pillow's Image.resize in mode F, clamped to [0, 1], on the row 0, 0.25, 0.5, 1.
TEST(Resize, AgreesWithPillow) {
  const Image row{1, 1, 4, {0.0f, 0.25f, 0.5f, 1.0f}};
  const auto expect = [&](int width, ResizeFilter filter, const std::vector<float>& expected) {
    const Image resized = Resize(row, 1, width, filter);
    ASSERT_EQ(resized.pixels.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(resized.pixels[i], expected[i], 1e-5);
  };
  expect(2, ResizeFilter::kBilinear, {0.178571f, 0.678571f});
  expect(8, ResizeFilter::kBilinear,
         {0.000000f, 0.062500f, 0.187500f, 0.312500f, 0.437500f, 0.625000f, 0.875000f, 1.000000f});
  expect(3, ResizeFilter::kBicubic, {0.047483f, 0.366200f, 0.890732f});
  expect(7, ResizeFilter::kBicubic,
         {0.000000f, 0.065968f, 0.231003f, 0.359375f, 0.530313f, 0.858519f, 1.000000f});
}

// One pixel in ten is white: without antialias a reduction by ten would see all or nothing.
TEST(Resize, ReductionAverages) {
  Image image = Image::Zeros({1, 1, 100});
  for (int x = 0; x < 100; x += 10) image.at(0, 0, x) = 1.0f;
  const Image resized = Resize(image, 1, 10, ResizeFilter::kBilinear);
  for (int x = 1; x < 9; ++x) EXPECT_NEAR(resized.at(0, 0, x), 0.1f, 0.01f);
}

TEST(Resize, CropTakesTheRectangle) {
  const Image image = Ramp({2, 4, 5});
  const Image crop = Crop(image, 1, 2, 2, 3);
  EXPECT_EQ(crop.shape(), (ImageShape{2, 2, 3}));
  EXPECT_EQ(crop.at(0, 0, 0), image.at(0, 1, 2));
  EXPECT_EQ(crop.at(1, 1, 2), image.at(1, 2, 4));
}

TEST(Resize, ShortSideThenCentre) {
  // Left, middle and right third of a wide image are 0, 1 and 0.5.
  Image image = Image::Zeros({1, 20, 60});
  for (int y = 0; y < 20; ++y) {
    for (int x = 20; x < 60; ++x) image.at(0, y, x) = x < 40 ? 1.0f : 0.5f;
  }
  const Image whole = ResizeAndCrop(image, 10, 1.0, ResizeFilter::kBilinear);
  EXPECT_EQ(whole.shape(), (ImageShape{1, 10, 10}));
  EXPECT_NEAR(whole.at(0, 5, 2), 1.0f, 1e-6);
  EXPECT_NEAR(whole.at(0, 5, 7), 1.0f, 1e-6);
  // A square image of which the half in the centre is kept: its border is gone.
  Image framed = Image::Zeros({1, 40, 40});
  for (int y = 8; y < 32; ++y) {
    for (int x = 8; x < 32; ++x) framed.at(0, y, x) = 1.0f;
  }
  const Image centre = ResizeAndCrop(framed, 10, 0.5, ResizeFilter::kBilinear);
  for (const float pixel : centre.pixels) EXPECT_NEAR(pixel, 1.0f, 1e-6);
}

}  // namespace
}  // namespace sluice::data
