#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/directive.h"
#include "worker/telemetry/decision_log.h"

namespace sluice::telemetry {

// The decisions of a log, by step: a restored run takes them from here until `last_step()`, then
// goes live. Immutable, so any thread may read it.
class DirectiveReplay {
 public:
  // `entries` by rising step, as ReadDecisionLog gives them; `start_step` is the last step that was
  // finished (the checkpoint's), 0 for a run from the start.
  DirectiveReplay(std::vector<DecisionEntry> entries, uint64_t start_step);

  // The directive that takes effect at `step` > start_step, if one does.
  std::optional<Directive> At(uint64_t step) const;

  // The directive under which `step` runs, if there is one.
  std::optional<Directive> InForceAt(uint64_t step) const;

  // Last step with a decision; from the next one on directives come live. At least start_step.
  uint64_t last_step() const;

 private:
  std::vector<DecisionEntry> entries_;
  uint64_t start_step_;
};

}  // namespace sluice::telemetry
