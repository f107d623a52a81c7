#include "sidecar/policy/probe.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

TEST(Probe, TheLimitIsTwoPercentOrTwiceTheNoise) {
  EXPECT_EQ(ProbeLimit({1, 0.0, 0.0}), 0.02);
  EXPECT_EQ(ProbeLimit({1, 0.0, 0.01}), 0.02);
  EXPECT_EQ(ProbeLimit({1, 0.0, 0.03}), 0.06);
  EXPECT_FALSE(IsWorse({1, 0.02, 0.0}));
  EXPECT_TRUE(IsWorse({1, 0.0201, 0.0}));
  EXPECT_FALSE(IsWorse({1, 0.05, 0.03}));
}

TEST(Probe, AStepCountsOnce) {
  ProbeState state;
  EXPECT_TRUE(CountCheck({0, 0.01, 0.0}, state));
  EXPECT_FALSE(CountCheck({0, 0.01, 0.0}, state));
  EXPECT_TRUE(CountCheck({20, 0.03, 0.02}, state));
  EXPECT_TRUE(CountCheck({30, 0.05, 0.0}, state));
  EXPECT_FALSE(CountCheck({20, 0.5, 0.0}, state));  // Late.
  EXPECT_EQ(state, (ProbeState{30, 0.05, 0.02, 2, 1}));
}

}  // namespace
}  // namespace sluice::sidecar
