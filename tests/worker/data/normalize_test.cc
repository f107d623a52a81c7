#include "worker/data/normalize.h"

#include <limits>

#include "tests/common/says.h"

namespace sluice::data {
namespace {

TEST(Normalize, WorksPerChannel) {
  Image image{2, 1, 2, {0.5f, 1.0f, 0.5f, 1.0f}};
  Normalize({{0.5, 0.0}, {0.25, 2.0}}, image);
  EXPECT_EQ(image.pixels, (std::vector<float>{0.0f, 2.0f, 0.25f, 0.5f}));
}

TEST(Normalize, OneValueIsForAllChannelsAndNoneForNone) {
  Image image{2, 1, 1, {0.5f, 1.0f}};
  Normalize({}, image);
  EXPECT_EQ(image.pixels, (std::vector<float>{0.5f, 1.0f}));
  Normalize({{0.5}, {0.5}}, image);
  EXPECT_EQ(image.pixels, (std::vector<float>{0.0f, 1.0f}));
}

TEST(Normalize, RefusesWhatDoesNotFit) {
  EXPECT_TRUE(ValidateNormalization({}, 3).ok());
  EXPECT_TRUE(ValidateNormalization({{0.5}, {0.5}}, 3).ok());
  EXPECT_TRUE(ValidateNormalization({{0, 0, 0}, {1, 1, 1}}, 3).ok());
  EXPECT_TRUE(SaysInvalid(ValidateNormalization({{0, 0}, {1}}, 3), {"2 means", "1 standard"}));
  EXPECT_TRUE(SaysInvalid(ValidateNormalization({{0, 0}, {1, 1}}, 3), {"2 means", "channel: 3"}));
  EXPECT_TRUE(SaysInvalid(ValidateNormalization({{0}, {0}}, 3), {"std[0] is 0", "above 0"}));
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(SaysInvalid(ValidateNormalization({{infinite}, {1}}, 3), {"mean[0] is inf"}));
  EXPECT_TRUE(SaysInvalid(ValidateNormalization({{0}, {infinite}}, 3), {"std[0] is inf"}));
}

}  // namespace
}  // namespace sluice::data
