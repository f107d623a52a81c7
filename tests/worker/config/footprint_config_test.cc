#include "worker/config/footprint_config.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::config {
namespace {

TEST(FootprintConfigTest, TheGateIsWhatTheOptionsSay) {
  OptionSet options("test", "");
  FootprintConfig config;
  DefineFootprintOptions(options, config);
  EXPECT_FALSE(ResolveFootprint(config).decides());
  ASSERT_TRUE(options
                  .Parse({"--footprint.rate=0.5", "--footprint.scorer=random",
                          "--footprint.every=7", "--footprint.rest=false"})
                  .ok());
  const gate::FootprintSettings settings = ResolveFootprint(config);
  EXPECT_EQ(settings.rate, 0.5);
  EXPECT_EQ(settings.scorer, gate::FootprintScorer::kRandom);
  EXPECT_EQ(settings.every, 7);
  EXPECT_FALSE(settings.rest);
  EXPECT_TRUE(settings.decides());
}

TEST(FootprintConfigTest, ARateAboveOneIsRefused) {
  OptionSet options("test", "");
  FootprintConfig config;
  DefineFootprintOptions(options, config);
  EXPECT_TRUE(Says(options.Parse({"--footprint.rate=1.5"}).status(),
                   absl::StatusCode::kInvalidArgument, {"footprint.rate", "1.5", "[0, 1]"}));
}

}  // namespace
}  // namespace sluice::config
