#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/directive.h"
#include "common/options.h"

namespace sluice::sidecar {

// In how many steps of a window one parameter group changed.
struct GroupCount {
  std::string group;
  uint32_t active_steps = 0;
};

struct GroupActivity {
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  std::vector<GroupCount> groups;
};

struct DormancyOptions {
  double below = 0.05;       // Share of steps under which a group is dormant.
  double scale_limit = 5.0;  // In [1, 5]; 1 scales nothing.
};

// Options `dormant.*` of the command line. `options` must outlive the parse.
void DefineDormancyOptions(OptionSet& set, DormancyOptions& options);

struct DormancyDecision {
  std::vector<GroupScale> scales;  // Of dormant groups, in the order of the counts.
  std::string reason;
};

// With f = active steps / steps: a group with 0 < f < below has scale min(scale_limit, below / f).
// One that never changed is left alone: nothing says what it would do. Pure.
DormancyDecision DecideDormancy(const GroupActivity& activity, const DormancyOptions& options);

}  // namespace sluice::sidecar
