#include "sidecar/policy/change_limit.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

TEST(LimitChange, HoldsBothSides) {
  EXPECT_NEAR(LimitChange(0.9, 0.5, 0.02).threshold, 0.52, 1e-15);
  EXPECT_NEAR(LimitChange(0.1, 0.5, 0.02).threshold, 0.48, 1e-15);
  EXPECT_TRUE(LimitChange(0.9, 0.5, 0.02).acted);
}

TEST(LimitChange, LetsASmallChangePass) {
  EXPECT_EQ(LimitChange(0.51, 0.5, 0.02).threshold, 0.51);
  EXPECT_FALSE(LimitChange(0.51, 0.5, 0.02).acted);
}

}  // namespace
}  // namespace sluice::sidecar
