#include "worker/data/resized.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "worker/data/resize.h"

namespace sluice::data {
namespace {

// Two images of one channel, 4 x 4.
class GreyDataset : public Dataset {
 public:
  int64_t size() const override { return 2; }
  ImageShape shape() const override { return {1, 4, 4}; }
  const std::vector<std::string>& class_names() const override { return names_; }
  absl::StatusOr<Sample> Get(int64_t index) const override {
    if (const absl::Status status = CheckIndex(index); !status.ok()) return status;
    Sample sample;
    sample.image = Image::Zeros(shape());
    for (int i = 0; i < 16; ++i) sample.image.pixels[i] = static_cast<float>(i + index) / 32.0f;
    sample.label = index;
    sample.id = 70 + static_cast<uint64_t>(index);
    return sample;
  }

 private:
  std::vector<std::string> names_ = {"a", "b"};
};

TEST(ResizedTest, EachChannelIsTheResizedGreyImage) {
  const auto base = std::make_shared<GreyDataset>();
  const auto resized = Resized::Make(base, {3, 8, 8});
  ASSERT_TRUE(resized.ok()) << resized.status();
  EXPECT_EQ((*resized)->shape(), (ImageShape{3, 8, 8}));
  EXPECT_EQ((*resized)->class_names(), base->class_names());
  ASSERT_EQ((*resized)->size(), 2);
  const Sample sample = *(*resized)->Get(1);
  EXPECT_EQ(sample.id, 71u);
  EXPECT_EQ(sample.label, 1);
  const Image expected = Resize(base->Get(1)->image, 8, 8, ResizeFilter::kBicubic);
  ASSERT_EQ(sample.image.pixels.size(), 3u * 64);
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(sample.image.pixels[64 * c + i], expected.pixels[i]) << c << " " << i;
  }
  EXPECT_EQ((*resized)->Get(2).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ResizedTest, WhatCannotBecomeTheOtherIsNamedWithBothShapes) {
  const auto base = std::make_shared<GreyDataset>();
  EXPECT_TRUE(SaysInvalid(Resized::Make(base, {3, 8, 9}).status(), {"1x4x4", "3x8x9"}));
  const auto colour = *Resized::Make(base, {3, 8, 8});
  EXPECT_TRUE(SaysInvalid(Resized::Make(colour, {1, 4, 4}).status(), {"3x8x8", "1x4x4"}));
  EXPECT_TRUE(Resized::Make(colour, {3, 4, 4}).ok());
}

}  // namespace
}  // namespace sluice::data
