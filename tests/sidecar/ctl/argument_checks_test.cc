#include "sidecar/ctl/argument_checks.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::ctl {
namespace {

TEST(CtlArgumentChecks, RunsReasonsAndActions) {
  EXPECT_TRUE(CheckRun("a.B_c-9").ok());
  EXPECT_TRUE(CheckRun(std::string(128, 'r')).ok());
  EXPECT_TRUE(SaysInvalid(CheckRun(""), {"RUN is missing"}));
  EXPECT_TRUE(SaysInvalid(CheckRun("a/b"), {"RUN is 'a/b'", "1 to 128"}));
  EXPECT_TRUE(SaysInvalid(CheckRun(std::string(129, 'r')), {"RUN"}));
  EXPECT_TRUE(CheckReason(std::string(256, 'r')).ok());
  EXPECT_TRUE(SaysInvalid(CheckReason(std::string(257, 'r')), {"at most 256 bytes"}));
  EXPECT_TRUE(SaysInvalid(CheckReason("\xff"), {"reason is '\\377'"}));
  EXPECT_TRUE(CheckAction("b", {"a", "b"}).ok());
  EXPECT_TRUE(
      SaysInvalid(CheckAction("", {"a", "b"}), {"ACTION is missing, expected one of a, b"}));
  EXPECT_TRUE(SaysInvalid(CheckAction("c", {"a", "b"}), {"ACTION is 'c', expected one of a, b"}));
}

}  // namespace
}  // namespace sluice::ctl
