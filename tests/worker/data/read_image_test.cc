#include "worker/data/read_image.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/encode.h"

namespace sluice::data {
namespace {

// Left half red, right half green.
std::string HalvesPng(int height, int width) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < height * width; ++i) {
    const bool left = i % width < width / 2;
    pixels.insert(pixels.end(), {uint8_t(left ? 255 : 0), uint8_t(left ? 0 : 255), 0});
  }
  return EncodePng(pixels, 3, height, width);
}

ReadImageOptions OfSize(int size) {
  ReadImageOptions options;
  options.size = size;
  return options;
}

TEST(IsImageName, ByTheEndInAnyCase) {
  for (const char* name : {"a.png", "a/b.JPG", "x.y.JpEg", "/.png/a.jpg"}) {
    EXPECT_TRUE(IsImageName(name)) << name;
  }
  for (const char* name : {"png", "a.png.txt", "a.gif", "a.jpg/b", ".png", "a.", ""}) {
    EXPECT_FALSE(IsImageName(name)) << name;
  }
}

TEST(CheckReadImageOptions, NamesTheOptionItsValueAndItsRange) {
  EXPECT_TRUE(CheckReadImageOptions({}).ok());
  for (const int channels : {-1, 0, 2, 4}) {
    EXPECT_TRUE(SaysInvalid(CheckReadImageOptions({.channels = channels}),
                            {"channels is " + std::to_string(channels), "1 or 3"}));
  }
  EXPECT_TRUE(CheckReadImageOptions({.channels = 1, .size = 1}).ok());
  EXPECT_TRUE(CheckReadImageOptions({.size = 4096}).ok());
  for (const int size : {-1, 0, 4097}) {
    EXPECT_TRUE(SaysInvalid(CheckReadImageOptions({.size = size}),
                            {"size is " + std::to_string(size), "[1, 4096]"}));
  }
  EXPECT_TRUE(CheckReadImageOptions({.crop_fraction = 1.0}).ok());
  for (const double fraction : {-0.5, 0.0, 1.01, std::nan("")}) {
    EXPECT_TRUE(SaysInvalid(CheckReadImageOptions({.crop_fraction = fraction}), {"(0, 1]"}));
  }
}

TEST(ReadImage, ResizesAndKeepsTheMiddle) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("wide.png", HalvesPng(16, 64));
  const auto image = ReadImage(path, OfSize(8));
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->shape(), (ImageShape{3, 8, 8}));
  for (const int y : {0, 7}) {
    EXPECT_NEAR(image->at(0, y, 0), 1.0, 0.02);
    EXPECT_NEAR(image->at(1, y, 0), 0.0, 0.02);
    EXPECT_NEAR(image->at(0, y, 7), 0.0, 0.02);
    EXPECT_NEAR(image->at(1, y, 7), 1.0, 0.02);
  }
}

// Of a white picture with a black edge the edge stays only where nothing is cropped.
TEST(ReadImage, TakesTheCropFractionAndTheChannelsFromItsOptions) {
  const TemporaryFolder folder;
  std::vector<uint8_t> pixels = Plain({255, 255, 255}, 32, 32);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t x = i / 3 % 32;
    if (x < 4) pixels[i] = 0;
  }
  const std::string path = folder.Write("edge.png", EncodePng(pixels, 3, 32, 32));
  for (const auto& [fraction, left] : {std::pair{1.0, 0.0}, {0.5, 1.0}}) {
    ReadImageOptions options = OfSize(16);
    options.channels = 1;
    options.crop_fraction = fraction;
    const auto image = ReadImage(path, options);
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_EQ(image->shape(), (ImageShape{1, 16, 16}));
    EXPECT_NEAR(image->at(0, 8, 0), left, 0.02) << fraction;
    EXPECT_NEAR(image->at(0, 8, 15), 1.0, 0.02) << fraction;
  }
}

TEST(ReadImage, ErrorsNameTheFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(Says(ReadImage(folder.Path("none.png"), OfSize(8)).status(),
                   absl::StatusCode::kNotFound, {folder.Path("none.png")}));
  const std::string broken = folder.Write("broken.png", HalvesPng(8, 8).substr(0, 40));
  EXPECT_TRUE(SaysInvalid(ReadImage(broken, OfSize(8)).status(), {"image '" + broken + "'"}));
  const std::string empty = folder.Write("empty.jpg", "");
  EXPECT_TRUE(SaysInvalid(ReadImage(empty, OfSize(8)).status(), {"image '" + empty + "'"}));
}

TEST(ReadImage, StripsAreRefusedEitherWay) {
  const TemporaryFolder folder;
  const std::string wide = folder.Write("wide.png", HalvesPng(2, 128));
  EXPECT_TRUE(SaysInvalid(ReadImage(wide, OfSize(8)).status(),
                          {"image '" + wide + "'", "2 x 128", "less than 64"}));
  const std::string high = folder.Write("high.png", HalvesPng(128, 2));
  EXPECT_TRUE(SaysInvalid(ReadImage(high, OfSize(8)).status(), {"128 x 2"}));
  const std::string just = folder.Write("just.png", HalvesPng(127, 2));
  EXPECT_TRUE(ReadImage(just, OfSize(8)).ok());
}

}  // namespace
}  // namespace sluice::data
