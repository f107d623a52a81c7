#include "sidecar/policy/guard.h"

#include <numeric>

namespace sluice::sidecar {

namespace {

bool Starved(double threshold, const ScoreWeights& weights, double low, const Observed& observed) {
  return observed.rate < low && ShareAbove(weights, observed.threshold) >= low &&
         ScoreBin(threshold) == ScoreBin(observed.threshold);
}

}  // namespace

Guarded Guard(double threshold, const ScoreWeights& weights, double low, double high,
              const Observed& observed) {
  Guarded result{threshold, ShareAbove(weights, threshold), false};
  if (std::accumulate(weights.begin(), weights.end(), 0.0) <= 0.0) return result;
  // Rounding in the quantile must not make the guard act on its own answer.
  constexpr double kSlack = 1e-9;
  if (result.predicted_rate < low - kSlack) {
    result.threshold = ScoreQuantile(weights, 1.0 - low);
    result.acted = true;
  } else if (result.predicted_rate > high + kSlack) {
    result.threshold = ScoreQuantile(weights, 1.0 - high);
    result.acted = true;
  }
  if (Starved(result.threshold, weights, low, observed)) {
    result.threshold = ScoreBinLowerEdge(ScoreBin(result.threshold));
    result.acted = true;
  }
  return result;
}

}  // namespace sluice::sidecar
