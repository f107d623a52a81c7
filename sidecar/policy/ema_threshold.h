#pragma once

#include "sidecar/policy/proposal.h"

namespace sluice::sidecar {

// The article's rule: theta_t = alpha * mean + (1 - alpha) * theta_{t-1}, where `mean` is the
// token-weighted mean score of one window over all ranks. It settles near the mean score. Pure.
Proposal EmaThreshold(double previous_threshold, double mean_score, double alpha);

}  // namespace sluice::sidecar
