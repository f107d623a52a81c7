#include "worker/config/memory_options.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::config {
namespace {

absl::StatusOr<MemoryConfig> Parse(const std::vector<std::string>& arguments) {
  OptionSet options("test", "");
  MemoryConfig config;
  DefineMemoryOptions(options, config);
  const absl::StatusOr<bool> parsed = options.Parse(arguments);
  if (!parsed.ok()) return parsed.status();
  return config;
}

TEST(MemoryOptionsTest, ByDefaultEverythingIsFloat32) {
  const memory::Settings settings = ResolveMemory(MemoryConfig());
  EXPECT_EQ(settings.activations, memory::Storage::kFloat32);
  EXPECT_FALSE(settings.recompute || settings.autocast || settings.fp8_matmul);
}

TEST(MemoryOptionsTest, SettingsAreWhatTheOptionsSay) {
  const absl::StatusOr<MemoryConfig> form =
      Parse({"--memory.activations=fp8", "--memory.checkpointing=true"});
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_TRUE(ValidateMemoryConfig(*form, "compact").ok());
  EXPECT_EQ(ResolveMemory(*form).activations, memory::Storage::kFloat8);
  EXPECT_TRUE(ResolveMemory(*form).recompute);
  const absl::StatusOr<MemoryConfig> low =
      Parse({"--memory.autocast=bf16", "--memory.fp8_matmul=true"});
  ASSERT_TRUE(low.ok()) << low.status();
  EXPECT_TRUE(ValidateMemoryConfig(*low, "selective").ok());
  EXPECT_TRUE(ResolveMemory(*low).autocast && ResolveMemory(*low).fp8_matmul);
}

TEST(MemoryOptionsTest, WhatDoesNotFitIsRefusedByName) {
  EXPECT_TRUE(SaysInvalid(Parse({"--memory.activations=int8"}).status(),
                          {"memory.activations", "int8", "fp32"}));
  EXPECT_TRUE(
      SaysInvalid(ValidateMemoryConfig(*Parse({"--memory.checkpointing=true"}), "selective"),
                  {"memory.checkpointing", "selective"}));
  EXPECT_TRUE(
      SaysInvalid(ValidateMemoryConfig(
                      *Parse({"--memory.activations=fp8", "--memory.autocast=bf16"}), "compact"),
                  {"memory.activations", "fp8", "memory.autocast"}));
  EXPECT_TRUE(SaysInvalid(ValidateMemoryConfig(*Parse({"--memory.fp8_matmul=true"}), "compact"),
                          {"memory.fp8_matmul", "memory.autocast bf16"}));
}

}  // namespace
}  // namespace sluice::config
