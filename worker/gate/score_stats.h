#pragma once

#include <cstdint>
#include <span>

#include "common/counters.h"

namespace sluice::gate {

// Adds one batch's scores [T] and open mask [T] to a layer's cumulative counts: tokens, sums and
// the histogram. Tokens at 0 in `present` ([T], or empty: all are present) were closed by an
// earlier gate: they count as closed, and their scores do not count. Scores are clamped to [0, 1];
// a NaN counts as 0.
void AddToCounters(std::span<const float> scores, std::span<const uint8_t> open,
                   std::span<const uint8_t> present, LayerCounters& counters);

}  // namespace sluice::gate
