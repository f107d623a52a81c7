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
  ASSERT_TRUE(*ParseBenchOptions(
      {"--ranks", "16", "--rate", "1000", "--json", "-", "--relays", "3", "--relay-processes", "2"},
      options));
  EXPECT_EQ(options.ranks, 16);
  EXPECT_EQ(options.relays, 3);
  EXPECT_EQ(options.relay_processes, 2);
  EXPECT_EQ(options.rate, 1000.0);
  EXPECT_EQ(options.json, "-");
}

TEST(BenchOptions, WhatDoesNotFitIsAnError) {
  EXPECT_THAT(ErrorOf({"--ranks", "0"}), HasSubstr("ranks"));
  EXPECT_THAT(ErrorOf({"--target", "nowhere"}), HasSubstr("target"));
  EXPECT_THAT(ErrorOf({"--target", "127.0.0.1:1", "--scrapers", "1"}), HasSubstr("scrapers"));
}

TEST(BenchOptions, RelaysAreAsManyAsTheRanksNeed) {
  EXPECT_EQ(ErrorOf({"--ranks", "4096"}), "");
  EXPECT_THAT(ErrorOf({"--ranks", "4097"}),
              HasSubstr("ranks is 4097, expected at most 4096 without relays"));
  EXPECT_EQ(ErrorOf({"--ranks", "4097", "--relays", "5"}), "");
  EXPECT_THAT(ErrorOf({"--ranks", "4097", "--relays", "4"}),
              HasSubstr("relays is 4, expected one for 1024 of the 4097 ranks"));
  EXPECT_THAT(ErrorOf({"--ranks", "4", "--relays", "5"}), HasSubstr("at most ranks, which is 4"));
  EXPECT_EQ(ErrorOf({"--relays", "2", "--relay-processes", "2"}), "");
  EXPECT_THAT(ErrorOf({"--relays", "2", "--relay-processes", "3"}),
              HasSubstr("relay-processes is 3, expected at most relays, which is 2"));
  EXPECT_THAT(ErrorOf({"--relay-processes", "1"}), HasSubstr("at most relays, which is 0"));
}

TEST(BenchOptions, MergingTakesNoneThatItDoesNotHeed) {
  EXPECT_EQ(ErrorOf({"--what", "merge", "--ranks", "5000", "--seconds", "1", "--json", "-"}), "");
  for (const std::string name :
       {"rate", "relays", "relay-processes", "in-flight", "scrapers", "folder"}) {
    EXPECT_THAT(ErrorOf({"--what", "merge", "--" + name, "3"}), HasSubstr("what is merge")) << name;
  }
  EXPECT_THAT(ErrorOf({"--what", "merge", "--target", "127.0.0.1:1"}), HasSubstr("what is merge"));
}

}  // namespace
}  // namespace sluice::sidecar
