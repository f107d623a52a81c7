#include "worker/study/continual_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/study/continual_strategies.h"

namespace sluice::study {
namespace {

using testing::HasSubstr;

TEST(ContinualConfig, QuickIsOneSeedOfAFew) {
  ContinualConfig config;
  config.quick = true;
  ASSERT_TRUE(ResolveContinual(config).ok());
  EXPECT_EQ(config.seeds, 1);
  EXPECT_LT(config.strategies.size(), StrategyNames().size());
  ContinualConfig whole;
  ASSERT_TRUE(ResolveContinual(whole).ok());
  EXPECT_EQ(whole.strategies, StrategyNames());
}

TEST(ContinualConfig, DigitsAreFewAndNeedTheirFolder) {
  ContinualConfig config;
  config.digits = true;
  EXPECT_THAT(std::string(ResolveContinual(config).message()), HasSubstr("--digits"));
  config.data_folder = "digits";
  ASSERT_TRUE(ResolveContinual(config).ok());
  EXPECT_LE(config.images, 1288);
  EXPECT_LT(config.buffer_images, config.images / 5);
}

TEST(ContinualConfig, BadOnesAreNamed) {
  ContinualConfig one;
  one.domains = {"none"};
  EXPECT_THAT(std::string(ResolveContinual(one).message()), HasSubstr("domains"));
  ContinualConfig twice;
  twice.domains = {"none", "none"};
  EXPECT_THAT(std::string(ResolveContinual(twice).message()), HasSubstr("none,none"));
  ContinualConfig without;
  without.strategies = {"der"};
  EXPECT_THAT(std::string(ResolveContinual(without).message()), HasSubstr("sft"));
}

}  // namespace
}  // namespace sluice::study
