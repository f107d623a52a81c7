#include "worker/telemetry/directive_replay.h"

#include <algorithm>
#include <utility>

#include "common/status.h"

namespace sluice::telemetry {

DirectiveReplay::DirectiveReplay(std::vector<DecisionEntry> entries, uint64_t start_step)
    : entries_(std::move(entries)), start_step_(start_step) {
  for (size_t i = 1; i < entries_.size(); ++i) {
    SLUICE_CHECK(entries_[i - 1].step < entries_[i].step);
  }
}

std::optional<Directive> DirectiveReplay::InForceAt(uint64_t step) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), step,
                       [](uint64_t s, const DecisionEntry& entry) { return s < entry.step; });
  if (after == entries_.begin()) return std::nullopt;
  return std::prev(after)->directive;
}

std::optional<Directive> DirectiveReplay::At(uint64_t step) const {
  if (step <= start_step_) return std::nullopt;
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const DecisionEntry& entry) { return entry.step == step; });
  if (found == entries_.end()) return std::nullopt;
  return found->directive;
}

uint64_t DirectiveReplay::last_step() const {
  return entries_.empty() ? start_step_ : std::max(start_step_, entries_.back().step);
}

}  // namespace sluice::telemetry
