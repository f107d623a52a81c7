#pragma once

#include "sidecar/policy/proposal.h"

namespace sluice::sidecar {

// The threshold that opens a share `target` of the tokens: the (1 - target) quantile of `weights`,
// the moving average of the windows' normalised histograms. Pure.
Proposal TargetRate(const ScoreWeights& weights, double target);

}  // namespace sluice::sidecar
