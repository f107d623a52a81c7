#include "worker/model/float8_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::model {
namespace {

TEST(Float8Linear, WithoutAGpuTheErrorNamesOptionExpectationAndDevice) {
  const absl::Status status = CheckFloat8(torch::Device(torch::kCPU));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::HasSubstr("memory.fp8_matmul"), testing::HasSubstr("8.9"),
                             testing::HasSubstr("cpu")));
}

}  // namespace
}  // namespace sluice::model
