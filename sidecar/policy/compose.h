#pragma once

#include <string>

#include "sidecar/policy/guard.h"
#include "sidecar/policy/proposal.h"

namespace sluice::sidecar {

// Limits of the composition.
struct ComposeLimits {
  double guard_low = 0.10;
  double guard_high = 0.90;
  double max_change = 0.02;
};

// What the composition works on, for one gate layer.
struct ComposeInput {
  Proposal proposal;
  ScoreWeights weights{};       // Moving average that the guard predicts with.
  double previous_base = 0.0;   // The policy's part of the last directive.
  Observed observed{};          // Of the last window, for the guard.
  double breaker_offset = 0.0;  // Added last, so that it wins over the guard.
};

// The threshold to send, and its parts.
struct Decision {
  double base = 0.0;       // limit(guard(policy)), which the recursion goes on from.
  double threshold = 0.0;  // base + breaker offset, in [0, 1].
  double predicted_rate = 0.0;
  std::string decided_by;  // policy, guard, change limit, breaker, range; joined by " + ".
  std::string reason;      // Policy, input and what decided.
};

// limit(guard(policy)) + breaker offset, clamped to [0, 1] (DESIGN, section 7). The offset stands
// outside the recursion: `base` never contains it. Pure.
Decision Compose(const ComposeInput& input, const ComposeLimits& limits);

}  // namespace sluice::sidecar
