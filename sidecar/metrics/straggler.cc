#include "sidecar/metrics/straggler.h"

#include <algorithm>

namespace sluice::sidecar {

std::optional<double> StragglerSeconds(const std::vector<RankView>& ranks) {
  std::vector<double> seconds;
  for (const RankView& rank : ranks) {
    if (rank.connected && rank.timing.has_value()) seconds.push_back(rank.timing->own_seconds);
  }
  if (seconds.empty()) return std::nullopt;
  std::sort(seconds.begin(), seconds.end());
  return seconds.back() - seconds[(seconds.size() - 1) / 2];
}

}  // namespace sluice::sidecar
