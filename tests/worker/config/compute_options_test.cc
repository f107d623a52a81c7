#include "worker/config/compute_options.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::config {
namespace {

absl::StatusOr<ComputeConfig> ParseCompute(const std::vector<std::string>& arguments) {
  OptionSet options("test", "");
  ComputeConfig config;
  DefineComputeOptions(options, config);
  const absl::StatusOr<bool> parsed = options.Parse(arguments);
  if (!parsed.ok()) return parsed.status();
  return config;
}

TEST(ComputeOptionsTest, ByDefaultTheProcessorDecides) {
  const absl::StatusOr<ComputeConfig> config = ParseCompute({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(ValidateComputeConfig(*config).ok());
  EXPECT_EQ(ResolveGemm(*config), *model::ResolveGemm("auto"));
}

TEST(ComputeOptionsTest, WhatIsNamedIsTakenIfTheProcessorCan) {
  const absl::StatusOr<ComputeConfig> mkl = ParseCompute({"--compute.gemm=mkl"});
  ASSERT_TRUE(mkl.ok()) << mkl.status();
  EXPECT_EQ(ResolveGemm(*mkl), model::Gemm::kMkl);
  const absl::StatusOr<ComputeConfig> onednn = ParseCompute({"--compute.gemm=onednn"});
  ASSERT_TRUE(onednn.ok()) << onednn.status();
  EXPECT_EQ(ValidateComputeConfig(*onednn).ok(), model::ThisProcessor().avx512);
}

TEST(ComputeOptionsTest, OtherNamesAreRefused) {
  EXPECT_TRUE(SaysInvalid(ParseCompute({"--compute.gemm=blas"}).status(),
                          {"compute.gemm", "blas", "auto", "mkl", "onednn"}));
}

}  // namespace
}  // namespace sluice::config
