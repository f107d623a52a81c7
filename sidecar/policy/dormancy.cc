#include "sidecar/policy/dormancy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::sidecar {
namespace {

// Groups that a reason names; more are counted.
constexpr size_t kMostGroupsNamed = 5;

}  // namespace

void DefineDormancyOptions(OptionSet& set, DormancyOptions& options) {
  set.Number("dormant.below", &options.below, 0.0, 1.0,
             "share of steps under which a parameter group is dormant");
  set.Number("dormant.scale-limit", &options.scale_limit, 1.0, 5.0,
             "largest scale of a dormant group's update; 1 scales none");
}

DormancyDecision DecideDormancy(const GroupActivity& activity, const DormancyOptions& options) {
  DormancyDecision decision;
  const auto steps = static_cast<double>(activity.last_step - activity.first_step + 1);
  std::string named;
  for (const GroupCount& count : activity.groups) {
    const double share = count.active_steps / steps;
    if (share == 0.0 || share >= options.below) continue;
    const double scale = std::min(options.scale_limit, options.below / share);
    if (scale <= 1.0) continue;
    decision.scales.push_back({count.group, scale});
    if (decision.scales.size() > kMostGroupsNamed) continue;
    absl::StrAppendFormat(&named, "%s%s in %d (scale %.2f)", named.empty() ? ": " : ", ",
                          count.group, count.active_steps, scale);
  }
  if (decision.scales.size() > kMostGroupsNamed) absl::StrAppend(&named, ", and others");
  decision.reason =
      absl::StrFormat("dormancy: %d of %d groups changed in less than %g %% of steps %d to %d%s",
                      decision.scales.size(), activity.groups.size(), 100 * options.below,
                      activity.first_step, activity.last_step, named);
  return decision;
}

}  // namespace sluice::sidecar
