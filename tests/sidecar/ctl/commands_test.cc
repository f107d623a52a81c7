#include "sidecar/ctl/commands.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(CtlExitCode, SaysWhatWentWrong) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCode(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCode(absl::UnavailableError("")), 4);
  EXPECT_EQ(ExitCode(absl::DeadlineExceededError("")), 4);
  EXPECT_EQ(ExitCode(absl::FailedPreconditionError("")), 1);
  EXPECT_EQ(ExitCode(absl::InternalError("")), 1);
}

}  // namespace
}  // namespace sluice::ctl
