#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/counters.h"
#include "worker/dist/process_group.h"
#include "worker/train/report.h"

namespace sluice::train {

// Every rank's counters on every rank. A collective.
absl::StatusOr<std::vector<Counters>> GatherCounters(dist::Group& group, const Counters& counters);

// What all ranks have done together, from the counters of each.
WorkDone Total(const std::vector<Counters>& ranks);

}  // namespace sluice::train
