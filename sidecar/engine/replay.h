#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sidecar/engine/records.h"
#include "sidecar/engine/steering.h"

// The journal's inputs, and the pure policies run on them once more.
namespace sluice::sidecar {

// All that one decision was made from. Which of the members count depends on `kind`:
//   window         first_step, last_step, layers (what a window counted)
//   probe          probe, check
//   bound          step: the level is above the last rung allowed
//   rolled_back    step: the run is back at a checkpoint, a roll-back is not asked for again
//   dormancy       activity
//   set_threshold  layer, threshold, reason
//   reset_breaker  step, reason
//   adopted        adopted: a directive that a worker had in force
struct JournalInput {
  std::string kind;
  RunRecord before;  // Gates, steering, breaker, directive in force, version; the rest is empty.
  PolicyOptions options;
  uint64_t first_step = 0;
  uint64_t last_step = 0;
  std::vector<LayerCounters> layers;
  std::string probe;
  ProbeCheck check;
  GroupActivity activity;
  uint64_t step = 0;
  uint32_t layer = 0;
  double threshold = 0.0;
  std::string reason;
  std::optional<Directive> adopted;
};

// The part of a run's record that policies look at.
RunRecord PolicyState(const RunRecord& run);

JournalInput WindowInput(const RunRecord& before, const PolicyOptions& options,
                         const ClosedWindow& window);

// Runs the policies on `input`: the directive that it leads to, if any. Pure.
std::optional<Directive> Replay(const JournalInput& input);

// OK if `input` leads to what the entry says it led to, to the bit; INTERNAL names the difference.
absl::Status CheckReplay(const JournalInput& input, const JournalRecord& entry);

}  // namespace sluice::sidecar
