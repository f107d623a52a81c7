#include "worker/legacy/collect.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"
#include "tests/worker/legacy/make_set.h"

namespace sluice::legacy {
namespace {

using testing::MakeSet;

// One image of 1 x 1 x 4 with these values.
class FourPixels : public data::Dataset {
 public:
  explicit FourPixels(std::vector<float> pixels) : pixels_(std::move(pixels)) {}
  int64_t size() const override { return 1; }
  data::ImageShape shape() const override { return {1, 1, 4}; }
  const std::vector<std::string>& class_names() const override { return names_; }
  absl::StatusOr<data::Sample> Get(int64_t) const override {
    return data::Sample{{1, 1, 4, pixels_}, 0, 7};
  }

 private:
  std::vector<float> pixels_;
  std::vector<std::string> names_ = {"only"};
};

TEST(CollectTest, EveryImageIsThereInOrderAsNobodyHasSeenItYet) {
  const auto set = Collect(data::CountingDataset(5), data::Domain::kNone, "numbers");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->name, "numbers");
  EXPECT_EQ(set->class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(set->shape, (data::ImageShape{1, 2, 2}));
  EXPECT_EQ(set->labels, (std::vector<int64_t>{0, 1, 2, 0, 1}));
  EXPECT_EQ(set->ids, (std::vector<uint64_t>{100, 101, 102, 103, 104}));
  ASSERT_EQ(set->logits.size(), 15u);
  for (const float logit : set->logits) EXPECT_TRUE(std::isnan(logit));
  EXPECT_EQ(set->losses, std::vector<float>(5, 0.0f));
  EXPECT_TRUE(ValidateLegacySet(*set).ok());
}

TEST(CollectTest, PixelsAreRoundedToTheNearest255thAndClamped) {
  const auto set =
      Collect(FourPixels({-0.5f, 10.4f / 255.0f, 10.6f / 255.0f, 1.5f}), data::Domain::kNone, "p");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->pixels, (std::vector<uint8_t>{0, 10, 11, 255}));
}

TEST(CollectTest, ImagesAreThoseOfTheDomain) {
  const auto inverted = Collect(FourPixels({0.0f, 1.0f, 0.2f, 0.6f}), data::Domain::kInvert, "i");
  ASSERT_TRUE(inverted.ok()) << inverted.status();
  EXPECT_EQ(inverted->pixels, (std::vector<uint8_t>{255, 0, 204, 102}));
  const auto turned = Collect(FourPixels({0.0f, 1.0f, 0.2f, 0.6f}), data::Domain::kRotate90, "r");
  ASSERT_TRUE(turned.ok()) << turned.status();
  EXPECT_EQ(turned->shape, (data::ImageShape{1, 4, 1}));
  EXPECT_EQ(turned->pixels, (std::vector<uint8_t>{153, 51, 255, 0}));
  // Noise goes by the image's id.
  const auto noisy = Collect(FourPixels({0.5f, 0.5f, 0.5f, 0.5f}), data::Domain::kNoise, "n");
  const data::Image expected =
      data::Apply(data::Domain::kNoise, {1, 1, 4, {0.5f, 0.5f, 0.5f, 0.5f}}, 7);
  for (size_t p = 0; p < 4; ++p)
    EXPECT_EQ(noisy->pixels[p], std::lround(255.0f * expected.pixels[p])) << p;
}

TEST(CollectTest, AnImageThatCannotBeReadIsItsError) {
  data::CountingDataset dataset(5);
  dataset.bad_index = 3;
  EXPECT_TRUE(Says(Collect(dataset, data::Domain::kNone, "bad").status(),
                   absl::StatusCode::kDataLoss, {"image 3 is bad"}));
}

TEST(TakeTest, APartHasAllOfItsImagesInTheOrderAsked) {
  const LegacySet set = MakeSet(6);
  const LegacySet part = Take(set, {4, 1});
  EXPECT_EQ(part.name, set.name);
  EXPECT_EQ(part.class_names, set.class_names);
  EXPECT_EQ(part.shape, set.shape);
  EXPECT_EQ(part.labels, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(part.ids, (std::vector<uint64_t>{104, 101}));
  EXPECT_EQ(part.losses, (std::vector<float>{set.losses[4], set.losses[1]}));
  EXPECT_EQ(part.logits, (std::vector<float>{set.logits[12], set.logits[13], set.logits[14],
                                             set.logits[3], set.logits[4], set.logits[5]}));
  EXPECT_EQ(part.Get(0).image.pixels, set.Get(4).image.pixels);
  EXPECT_EQ(part.Get(1).image.pixels, set.Get(1).image.pixels);
  EXPECT_TRUE(ValidateLegacySet(part).ok());
}

}  // namespace
}  // namespace sluice::legacy
