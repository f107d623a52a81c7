#pragma once

#include <optional>
#include <vector>

#include "sidecar/engine/view.h"

namespace sluice::sidecar {

// Seconds that the slowest rank worked longer than the median one (of two middle ones the faster)
// before its newest step's first collective: what most of the others waited for it. 0 with one
// rank; nothing if no rank with a stream has said it.
std::optional<double> StragglerSeconds(const std::vector<RankView>& ranks);

}  // namespace sluice::sidecar
