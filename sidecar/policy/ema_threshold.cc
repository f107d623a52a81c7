#include "sidecar/policy/ema_threshold.h"

#include "absl/strings/str_format.h"

namespace sluice::sidecar {

Proposal EmaThreshold(double previous_threshold, double mean_score, double alpha) {
  return {alpha * mean_score + (1.0 - alpha) * previous_threshold,
          absl::StrFormat("ema: mean score %.4f, alpha %.3g", mean_score, alpha)};
}

}  // namespace sluice::sidecar
