#include "sidecar/policy/breaker_options.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

absl::StatusOr<bool> Read(const std::vector<std::string>& arguments, BreakerOptions& options) {
  OptionSet set("test", "Reads the breaker's options.");
  DefineBreakerOptions(set, options);
  return set.Parse(arguments);
}

TEST(BreakerOptions, EveryOptionIsRead) {
  BreakerOptions options;
  ASSERT_TRUE(Read({"--breaker.last-rung", "freeze", "--breaker.raise", "0.1",
                    "--breaker.rehearsal-share", "0.5", "--breaker.rollbacks", "7"},
                   options)
                  .ok());
  EXPECT_EQ(HighestLevel(options), kFreeze);
  EXPECT_EQ(options.raise, 0.1);
  EXPECT_EQ(options.rehearsal_share, 0.5);
  EXPECT_EQ(options.rollbacks, 7);
}

TEST(BreakerOptions, AnUnknownRungIsAnError) {
  BreakerOptions options;
  const absl::Status status = Read({"--breaker.last-rung", "explode"}, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("rollback"), std::string::npos) << status;
}

}  // namespace
}  // namespace sluice::sidecar
