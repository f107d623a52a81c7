#include "sidecar/policy/compose.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sidecar/policy/change_limit.h"

namespace sluice::sidecar {

Decision Compose(const ComposeInput& input, const ComposeLimits& limits) {
  std::vector<std::string> parts;
  const Guarded guarded = Guard(input.proposal.threshold, input.weights, limits.guard_low,
                                limits.guard_high, input.observed);
  if (guarded.acted) parts.push_back("guard");
  const Limited limited = LimitChange(guarded.threshold, input.previous_base, limits.max_change);
  if (limited.acted) parts.push_back("change limit");

  Decision decision;
  decision.base = std::clamp(limited.threshold, 0.0, 1.0);
  const double with_offset = decision.base + input.breaker_offset;
  decision.threshold = std::clamp(with_offset, 0.0, 1.0);
  if (input.breaker_offset != 0.0) parts.push_back("breaker");
  if (with_offset != decision.threshold) parts.push_back("range");
  if (parts.empty()) parts.push_back("policy");
  decision.predicted_rate = guarded.predicted_rate;
  decision.decided_by = absl::StrJoin(parts, " + ");
  decision.reason =
      absl::StrCat(input.proposal.reason,
                   absl::StrFormat(", predicted rate %.3f; threshold %.4f decided by ",
                                   decision.predicted_rate, decision.threshold),
                   decision.decided_by);
  return decision;
}

}  // namespace sluice::sidecar
