#pragma once

#include <array>
#include <string>

#include "common/score_histogram.h"

namespace sluice::sidecar {

// A histogram of scores whose weights are averages and sum to 1 (or to 0 if there is no token).
using ScoreWeights = std::array<double, kScoreBins>;

// What a policy asks for, and why, for people.
struct Proposal {
  double threshold = 0.0;
  std::string reason;
};

}  // namespace sluice::sidecar
