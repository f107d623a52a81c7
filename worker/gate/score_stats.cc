#include "worker/gate/score_stats.h"

#include <algorithm>
#include <cmath>

#include "common/status.h"

namespace sluice::gate {

void AddToCounters(std::span<const float> scores, std::span<const uint8_t> open,
                   std::span<const uint8_t> present, LayerCounters& counters) {
  SLUICE_CHECK(scores.size() == open.size());
  SLUICE_CHECK(present.empty() || present.size() == open.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    ++(open[i] != 0 ? counters.tokens_open : counters.tokens_closed);
    if (!present.empty() && present[i] == 0) continue;
    const double score =
        std::isnan(scores[i]) ? 0.0 : std::clamp(static_cast<double>(scores[i]), 0.0, 1.0);
    counters.score_sum_micro += static_cast<uint64_t>(std::llround(score * 1e6));
    counters.score_square_sum_micro += static_cast<uint64_t>(std::llround(score * score * 1e6));
    ++counters.score_histogram[ScoreBin(score)];
  }
}

}  // namespace sluice::gate
