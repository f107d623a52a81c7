#include "common/score_histogram.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace sluice {
namespace {

const std::array<double, kScoreBins>& UpperEdges() {
  static const std::array<double, kScoreBins> edges = [] {
    std::array<double, kScoreBins> e{};
    for (int i = 0; i < kScoreBins; ++i) {
      e[i] = (1.0 - std::cos(std::numbers::pi * (i + 1) / kScoreBins)) / 2.0;
    }
    e[kScoreBins - 1] = 1.0;
    return e;
  }();
  return edges;
}

}  // namespace

double ScoreBinUpperEdge(int bin) { return UpperEdges()[bin]; }

double ScoreBinLowerEdge(int bin) { return bin == 0 ? 0.0 : ScoreBinUpperEdge(bin - 1); }

int ScoreBin(double score) {
  if (!(score > 0.0)) {
    return 0;
  }
  const auto& edges = UpperEdges();
  const auto it = std::lower_bound(edges.begin(), edges.end(), score);
  return std::min(static_cast<int>(it - edges.begin()), kScoreBins - 1);
}

double ScoreQuantile(const std::array<double, kScoreBins>& weights, double q) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total <= 0.0) {
    return 0.0;
  }
  const double wanted = std::clamp(q, 0.0, 1.0) * total;
  double below = 0.0;
  int last = 0;
  for (int i = 0; i < kScoreBins; ++i) {
    if (weights[i] <= 0.0) {
      continue;
    }
    last = i;
    if (below + weights[i] >= wanted) {
      const double inside = (wanted - below) / weights[i];
      return ScoreBinLowerEdge(i) + inside * (UpperEdges()[i] - ScoreBinLowerEdge(i));
    }
    below += weights[i];
  }
  return UpperEdges()[last];
}

double ShareAbove(const std::array<double, kScoreBins>& weights, double threshold) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total <= 0.0) {
    return 0.0;
  }
  double above = 0.0;
  for (int i = 0; i < kScoreBins; ++i) {
    const double low = ScoreBinLowerEdge(i);
    const double high = UpperEdges()[i];
    if (threshold <= low) {
      above += weights[i];
    } else if (threshold < high) {
      above += weights[i] * (high - threshold) / (high - low);
    }
  }
  return above / total;
}

}  // namespace sluice
