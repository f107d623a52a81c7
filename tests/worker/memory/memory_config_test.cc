#include "worker/memory/memory_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::memory {
namespace {

TEST(MemoryConfig, NamesFormsInTheOrderOfTheEnumeration) {
  EXPECT_EQ(*ParseStorage("fp32"), Storage::kFloat32);
  EXPECT_EQ(*ParseStorage("bf16"), Storage::kBFloat16);
  EXPECT_EQ(*ParseStorage("fp8"), Storage::kFloat8);
  const absl::Status bad = ParseStorage("int4").status();
  EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.message()),
              testing::AllOf(testing::HasSubstr("memory.activations"), testing::HasSubstr("int4"),
                             testing::HasSubstr("fp32, bf16, fp8")));
}

}  // namespace
}  // namespace sluice::memory
