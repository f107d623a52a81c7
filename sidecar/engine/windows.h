#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "common/counters.h"
#include "sidecar/engine/records.h"

namespace sluice::sidecar {

// What all ranks did in one window of steps.
struct ClosedWindow {
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  Counters counts;        // Sum over ranks of the counters' rise inside the window.
  double coverage = 1.0;  // Share of the expected (rank, step) pairs.
};

// Closes the window after `window_end` if it is time: all of `world_size` ranks have reached its
// end, or one is two whole windows past it. In the second case the steps that are missing lower the
// coverage, and what comes late counts in the next window. Updates the ranks' marks. Windows that a
// jump of the steps left nothing in are closed together, as one without counts: the time it takes
// does not depend on how many they are.
std::optional<ClosedWindow> CloseNextWindow(uint64_t window_end, uint64_t window,
                                            uint32_t world_size,
                                            std::map<uint32_t, RankRecord*>& ranks);

}  // namespace sluice::sidecar
