#include "sidecar/policy/target_rate.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

TEST(TargetRate, OpensTheTargetShare) {
  ScoreWeights weights{};
  for (int i = 0; i < kScoreBins; ++i) weights[i] = 1.0 / kScoreBins;
  for (double target : {0.1, 0.25, 0.5, 0.9}) {
    const Proposal proposal = TargetRate(weights, target);
    EXPECT_NEAR(ShareAbove(weights, proposal.threshold), target, 1e-12) << target;
  }
}

TEST(TargetRate, ReasonNamesTheQuantile) {
  ScoreWeights weights{};
  weights[kScoreBins / 2] = 1.0;
  EXPECT_EQ(TargetRate(weights, 0.25).reason.find("target_rate: quantile 0.7500 of scores is 0.5"),
            0u);
}

}  // namespace
}  // namespace sluice::sidecar
