#include "worker/config/adapters_config.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::config {
namespace {

absl::StatusOr<AdaptersConfig> ParseAdapters(const std::vector<std::string>& arguments) {
  OptionSet options("test", "");
  AdaptersConfig config;
  DefineAdapterOptions(options, config);
  const absl::StatusOr<bool> go_on = options.Parse(arguments);
  if (!go_on.ok()) return go_on.status();
  return config;
}

TEST(AdaptersConfigTest, AdaptersAreWhatTheOptionsSay) {
  const auto config = ParseAdapters({"--adapters.kind=lora", "--adapters.rank=4",
                                     "--adapters.alpha=2.5", "--adapters.targets=qkv,fc2"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(ValidateAdaptersConfig(*config).ok());
  const model::AdapterConfig adapters = ResolveAdapters(*config);
  EXPECT_EQ(adapters.kind, model::AdapterKind::kLora);
  EXPECT_EQ(adapters.rank, 4);
  EXPECT_EQ(adapters.alpha, 2.5);
  EXPECT_EQ(adapters.targets, (std::vector<std::string>{"qkv", "fc2"}));
  EXPECT_EQ(ResolveAdapters({}).kind, model::AdapterKind::kNone);
}

TEST(AdaptersConfigTest, WhatDoesNotFitIsRefused) {
  EXPECT_TRUE(Says(ParseAdapters({"--adapters.targets=qkv,norm1"}).status(),
                   absl::StatusCode::kInvalidArgument, {"adapters.targets", "norm1"}));
  const auto doubled = ParseAdapters({"--adapters.kind=ia3", "--adapters.targets=qkv,qkv"});
  EXPECT_TRUE(Says(ValidateAdaptersConfig(*doubled), absl::StatusCode::kInvalidArgument,
                   {"adapters.targets", "qkv,qkv", "once"}));
  const auto init = ParseAdapters({"--adapters.init=folder"});
  EXPECT_TRUE(Says(ValidateAdaptersConfig(*init), absl::StatusCode::kInvalidArgument,
                   {"adapters.init", "folder", "adapters.kind"}));
}

}  // namespace
}  // namespace sluice::config
