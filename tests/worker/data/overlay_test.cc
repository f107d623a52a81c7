#include "worker/data/overlay.h"

#include <gtest/gtest.h>

#include "worker/data/decode.h"

namespace sluice::data {
namespace {

// Two by two patches of two by two pixels, all of one brightness.
Image Grey(float value) {
  Image image = Image::Zeros({1, 4, 4});
  for (float& pixel : image.pixels) pixel = value;
  return image;
}

TEST(Overlay, ClosedPatchesAreDarkAndOpenOnesAsTheyWere) {
  const std::vector<uint8_t> open = {1, 0, 0, 1};
  const Image drawn = DrawOpenPatches(Grey(0.8f), open, 8);
  ASSERT_EQ(drawn.shape(), (ImageShape{1, 8, 8}));
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      const bool is_open = open[static_cast<size_t>(y / 4 * 2 + x / 4)] != 0;
      EXPECT_FLOAT_EQ(drawn.at(0, y, x), is_open ? 0.8f : 0.24f) << y << ' ' << x;
    }
  }
}

TEST(Overlay, ALargeImageKeepsItsSize) {
  EXPECT_EQ(DrawOpenPatches(Grey(1.0f), std::vector<uint8_t>(4, 1), 3).shape(),
            (ImageShape{1, 4, 4}));
}

TEST(Overlay, ThePngReadsBackTheSame) {
  for (const int channels : {1, 3}) {
    Image image = Image::Zeros({channels, 3, 5});
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<float>(i * 5) / 255.0f;
    }
    const auto png = ImageToPng(image);
    ASSERT_TRUE(png.ok()) << png.status();
    const auto back = DecodeImage(*png, channels);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(back->shape(), image.shape());
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      EXPECT_NEAR(back->pixels[i], image.pixels[i], 1e-6) << i;
    }
  }
}

}  // namespace
}  // namespace sluice::data
