#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sidecar/engine/records.h"

namespace sluice::sidecar {

// How a run's history is thinned out by age.
struct HistoryOptions {
  int64_t windows = 2048;  // Newest ones that are kept as they are, and so at each coarser level.
  int64_t merge = 8;       // Older ones that become one.
};

using History = std::vector<std::shared_ptr<const WindowRecord>>;

// Windows in a row as one: steps from the first to the last, rates, means and coverage averaged by
// how many closed windows each stands for, thresholds, moving averages and the reason of the
// newest.
WindowRecord MergeWindows(const History& parts);

// Merges windows of `history` (oldest first) that are older than the newest `options.windows` of
// their level, `options.merge` at a time; those become windows of the next level. Windows of two
// trainings are not merged. Returns the new ones, which replace those of their serials. With n
// windows ever closed, some windows * log(n / windows) remain. Pure.
std::vector<WindowRecord> DownSample(const HistoryOptions& options, History& history);

}  // namespace sluice::sidecar
