#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/common/temporary_folder.h"
#include "tests/sidecar/daemon/start.h"

namespace sluice::sidecar::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PrintConfig : public ::testing::Test {
 protected:
  std::string Printed(std::vector<std::string> arguments) {
    arguments.emplace_back("--print-config");
    const EndedStart ended = RunToEnd(arguments);
    EXPECT_EQ(ended.code, 0) << ended.error;
    EXPECT_EQ(ended.error, "");
    return ended.out;
  }

  const TemporaryFolder folder_;
};

TEST_F(PrintConfig, ShowsTheValuesInForceWhereverTheyCameFrom) {
  const std::string state = folder_.Path("state");
  const std::string file =
      folder_.Write("in.toml", "[threshold]\nwindow = 7\nalpha = 0.25\n[guard]\nlow = 0.125\n");
  ASSERT_EQ(::setenv("SLUICE_THRESHOLD_ALPHA", "0.5", 1), 0);
  const std::string printed =
      Printed({"--config", file, "--state", state, "--guard.low", "0.0625"});
  ::unsetenv("SLUICE_THRESHOLD_ALPHA");
  EXPECT_THAT(printed, HasSubstr("\nthreshold.window=7\n"));
  EXPECT_THAT(printed, HasSubstr("\nthreshold.alpha=0.5\n"));
  EXPECT_THAT(printed, HasSubstr("\nguard.low=0.0625\n"));
  EXPECT_THAT(printed, HasSubstr("\nstate=\"" + state + "\"\n"));
  EXPECT_THAT(printed, Not(HasSubstr("print-config")));
  EXPECT_FALSE(std::filesystem::exists(state));  // Nothing was started.
}

TEST_F(PrintConfig, WhatItPrintsIsReadBack) {
  const std::string printed = Printed(
      {"--listen", "[::1]:7", "--http", "localhost:8", "--state", folder_.Path("a state"), "--json",
       "-", "--log.level", "debug", "--grpc.reflection", "--threshold.policy", "ema",
       "--threshold.window", "3", "--threshold.alpha", "0.123456789", "--guard.high", "0.75"});
  EXPECT_NE(printed, Printed({}));
  EXPECT_EQ(Printed({"--config", folder_.Write("out.toml", printed)}), printed);
  const std::string defaults = Printed({});
  EXPECT_EQ(Printed({"--config", folder_.Write("defaults.toml", defaults)}), defaults);
}

// A value that cannot be in force is not printed.
TEST_F(PrintConfig, ABadValueEndsItWithOneLine) {
  const EndedStart ended =
      RunToEnd({"--print-config", "--guard.low", "0.9", "--guard.high", "0.1"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.error,
            "sluice-sidecar: guard.low is 0.9, expected at most guard.high, which is 0.1\n");
}

}  // namespace
}  // namespace sluice::sidecar::testing
