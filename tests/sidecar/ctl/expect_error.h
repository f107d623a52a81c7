#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "tests/sidecar/ctl/program.h"

namespace sluice::ctl {

// One line that says so, and nothing on standard output.
inline void ExpectError(const Finished& done, int code, const std::string& says) {
  EXPECT_EQ(done.code, code) << done.err;
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  EXPECT_THAT(done.err, ::testing::StartsWith("sluicectl"));
  EXPECT_THAT(done.err, ::testing::HasSubstr(says));
}

}  // namespace sluice::ctl
