#include "sidecar/daemon/daemon_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

TEST(DaemonOptions, DefaultsAreLoopbackAndAuto) {
  DaemonOptions options;
  EXPECT_TRUE(*ParseDaemonOptions({}, options));
  EXPECT_EQ(options.listen, "127.0.0.1:50551");
  EXPECT_EQ(options.http, "127.0.0.1:9464");
  EXPECT_EQ(options.policy.policy, ThresholdPolicy::kAuto);
  EXPECT_EQ(options.policy.window, 10u);
  EXPECT_FALSE(options.reflection);
}

TEST(DaemonOptions, FlagsReachThePolicies) {
  DaemonOptions options;
  ASSERT_TRUE(*ParseDaemonOptions(
      {"--threshold.policy", "target_rate", "--threshold.window", "5", "--threshold.alpha", "0.2",
       "--threshold.max_change", "0.1", "--threshold.target_rate", "0.3", "--guard.low", "0.2",
       "--guard.high", "0.8", "--grpc.reflection"},
      options));
  EXPECT_EQ(options.policy.policy, ThresholdPolicy::kTargetRate);
  EXPECT_EQ(options.policy.window, 5u);
  EXPECT_EQ(options.policy.alpha, 0.2);
  EXPECT_EQ(options.policy.target_rate, 0.3);
  EXPECT_EQ(options.policy.limits.max_change, 0.1);
  EXPECT_EQ(options.policy.limits.guard_low, 0.2);
  EXPECT_EQ(options.policy.limits.guard_high, 0.8);
  EXPECT_TRUE(options.reflection);
  ASSERT_TRUE(*ParseDaemonOptions({"--threshold.policy", "ema"}, options));
  EXPECT_EQ(options.policy.policy, ThresholdPolicy::kEma);
}

TEST(DaemonOptions, TheBreakerRehearsesAtMostUnlessToldOtherwise) {
  DaemonOptions options;
  ASSERT_TRUE(*ParseDaemonOptions({}, options));
  EXPECT_EQ(HighestLevel(options.policy.breaker), kRehearse);
  ASSERT_TRUE(*ParseDaemonOptions({"--breaker.last-rung", "rollback", "--breaker.raise", "0.1",
                                   "--breaker.rehearsal-share", "0.5", "--breaker.rollbacks", "1"},
                                  options));
  EXPECT_EQ(HighestLevel(options.policy.breaker), kRollBack);
  EXPECT_EQ(options.policy.breaker.raise, 0.1);
  EXPECT_EQ(options.policy.breaker.rehearsal_share, 0.5);
  EXPECT_EQ(options.policy.breaker.rollbacks, 1);
}

TEST(DaemonOptions, AnErrorNamesTheOption) {
  const auto error = [](const std::vector<std::string>& arguments) {
    DaemonOptions options;
    return std::string(ParseDaemonOptions(arguments, options).status().message());
  };
  EXPECT_THAT(error({"--threshold.window", "0"}), HasSubstr("threshold.window"));
  EXPECT_THAT(error({"--threshold.policy", "luck"}), HasSubstr("threshold.policy"));
  EXPECT_THAT(error({"--breaker.last-rung", "luck"}), HasSubstr("breaker.last-rung"));
  EXPECT_THAT(error({"--guard.low", "0.9", "--guard.high", "0.1"}),
              HasSubstr("guard.low is 0.9, expected at most guard.high, which is 0.1"));
}

}  // namespace
}  // namespace sluice::sidecar
