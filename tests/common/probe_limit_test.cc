#include "common/probe_limit.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ProbeLimitTest, ItIsTwoPercentOrTwiceTheNoiseIfThatIsMore) {
  EXPECT_EQ(ProbeLimit(0.0), 0.02);
  EXPECT_EQ(ProbeLimit(0.009), 0.02);
  EXPECT_EQ(ProbeLimit(0.01), 0.02);
  EXPECT_EQ(ProbeLimit(0.011), 0.022);
  EXPECT_EQ(ProbeLimit(3.0), 6.0);
}

}  // namespace
}  // namespace sluice
