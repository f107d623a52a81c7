#include "sidecar/policy/target_rate.h"

#include "absl/strings/str_format.h"

namespace sluice::sidecar {

Proposal TargetRate(const ScoreWeights& weights, double target) {
  const double threshold = ScoreQuantile(weights, 1.0 - target);
  return {threshold,
          absl::StrFormat("target_rate: quantile %.4f of scores is %.4f", 1.0 - target, threshold)};
}

}  // namespace sluice::sidecar
