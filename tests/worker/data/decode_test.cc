#include "worker/data/decode.h"

#include <cmath>

#include "tests/common/says.h"
#include "tests/worker/data/encode.h"

namespace sluice::data {
namespace {

// 3 x 2 pixels, all different.
const std::vector<uint8_t> kRgb = {255, 0,  0,  0,  255, 0,  0, 0, 255,
                                   10,  20, 30, 40, 50,  60, 7, 8, 9};

TEST(Decode, PngIsExactInPlanes) {
  const auto image = DecodeImage(EncodePng(kRgb, 3, 2, 3), 3);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->shape(), (ImageShape{3, 2, 3}));
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 3; ++x) {
        EXPECT_FLOAT_EQ(image->at(c, y, x), kRgb[static_cast<size_t>((y * 3 + x) * 3 + c)] / 255.f);
      }
    }
  }
}

TEST(Decode, PngToGreyIsLuma) {
  const auto image = DecodeImage(EncodePng(kRgb, 3, 2, 3), 1);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NEAR(image->at(0, 0, 0), 0.299, 1e-6);
  EXPECT_NEAR(image->at(0, 0, 1), 0.587, 1e-6);
  EXPECT_NEAR(image->at(0, 0, 2), 0.114, 1e-6);
}

TEST(Decode, GreyPngBecomesThreeEqualChannelsAndAlphaIsIgnored) {
  const auto grey = DecodeImage(EncodePng({0, 51, 102, 255}, 1, 2, 2), 3);
  ASSERT_TRUE(grey.ok()) << grey.status();
  for (int c = 0; c < 3; ++c) EXPECT_FLOAT_EQ(grey->at(c, 0, 1), 51 / 255.f);
  const auto alpha = DecodeImage(EncodePng({9, 8, 7, 0}, 4, 1, 1), 3);
  ASSERT_TRUE(alpha.ok()) << alpha.status();
  EXPECT_FLOAT_EQ(alpha->at(0, 0, 0), 9 / 255.f);
}

TEST(Decode, JpegKeepsColours) {
  const std::string bytes = EncodeJpeg(Plain({200, 100, 50}, 16, 24), 3, 16, 24);
  const auto image = DecodeImage(bytes, 3);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->shape(), (ImageShape{3, 16, 24}));
  EXPECT_NEAR(image->at(0, 5, 5), 200 / 255.0, 0.01);
  EXPECT_NEAR(image->at(1, 5, 5), 100 / 255.0, 0.01);
  EXPECT_NEAR(image->at(2, 5, 5), 50 / 255.0, 0.01);
  const auto grey = DecodeImage(bytes, 1);
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_NEAR(grey->at(0, 5, 5), (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255.0, 0.01);
}

TEST(Decode, RefusesWhatIsDamaged) {
  std::vector<uint8_t> noise(32 * 32 * 3);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(i * i * 31 >> 3);
  for (const std::string& whole : {EncodePng(noise, 3, 32, 32), EncodeJpeg(noise, 3, 32, 32)}) {
    EXPECT_TRUE(DecodeImage(whole, 3).ok());
    for (const size_t size : {size_t{4}, size_t{30}, whole.size() / 2, whole.size() - 20}) {
      EXPECT_TRUE(SaysInvalid(DecodeImage(whole.substr(0, size), 3).status(), {})) << size;
    }
  }
  std::string flipped = EncodePng(noise, 3, 32, 32);
  flipped[flipped.size() / 2] ^= 0x10;
  EXPECT_TRUE(SaysInvalid(DecodeImage(flipped, 3).status(), {"PNG: "}));
  EXPECT_TRUE(SaysInvalid(DecodeImage("GIF89a", 3).status(), {"neither a JPEG nor a PNG"}));
  EXPECT_TRUE(SaysInvalid(DecodeImage("", 3).status(), {"neither a JPEG nor a PNG"}));
}

TEST(Decode, RefusesAHeaderThatPromisesTooManyPixels) {
  std::string bytes = EncodeJpeg(Plain({1, 2, 3}, 8, 8), 3, 8, 8);
  const size_t frame = bytes.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i = 5; i < 9; ++i) bytes[frame + i] = '\x7F';  // Height and width.
  EXPECT_TRUE(SaysInvalid(DecodeImage(bytes, 3).status(), {"32639 x 32639", "100000000"}));
}

}  // namespace
}  // namespace sluice::data
