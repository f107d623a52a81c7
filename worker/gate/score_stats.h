#pragma once

#include <cstdint>
#include <span>

#include "common/counters.h"

namespace sluice::gate {

// Adds one batch's scores [T] and open mask [T] to a layer's cumulative counts: tokens, sums and
// the histogram. Scores are clamped to [0, 1]; a NaN counts as 0.
void AddToCounters(std::span<const float> scores, std::span<const uint8_t> open,
                   LayerCounters& counters);

}  // namespace sluice::gate
