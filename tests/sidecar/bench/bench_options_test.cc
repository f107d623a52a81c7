#include "sidecar/bench/bench_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::vector<std::string>& arguments) {
  BenchOptions options;
  return std::string(ParseBenchOptions(arguments, options).status().message());
}

TEST(BenchOptions, WhatIsGivenIsTaken) {
  BenchOptions options;
  ASSERT_TRUE(*ParseBenchOptions({"--ranks", "16", "--rate", "1000", "--json", "-"}, options));
  EXPECT_EQ(options.ranks, 16);
  EXPECT_EQ(options.rate, 1000.0);
  EXPECT_EQ(options.json, "-");
}

TEST(BenchOptions, WhatDoesNotFitIsAnError) {
  EXPECT_THAT(ErrorOf({"--ranks", "0"}), HasSubstr("ranks"));
  EXPECT_THAT(ErrorOf({"--target", "nowhere"}), HasSubstr("target"));
  EXPECT_THAT(ErrorOf({"--target", "127.0.0.1:1", "--scrapers", "1"}), HasSubstr("scrapers"));
}

}  // namespace
}  // namespace sluice::sidecar
