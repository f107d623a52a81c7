#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/directive.h"
#include "sidecar/policy/probe.h"

namespace sluice::sidecar {

// Rungs of the forgetting breaker (DESIGN, section 7), from mild to drastic. What a rung asks for
// holds on the rungs above it too.
inline constexpr uint32_t kRaiseOnce = 1;
inline constexpr uint32_t kRaiseTwice = 2;
inline constexpr uint32_t kRehearse = 3;
inline constexpr uint32_t kFreeze = 4;
inline constexpr uint32_t kRollBack = 5;

// Names of the last rung allowed: none, raise (both times), rehearse, freeze, rollback.
const std::vector<std::string>& BreakerRungNames();

struct BreakerOptions {
  std::string last_rung = "rehearse";  // One of BreakerRungNames().
  double raise = 0.05;                 // Of the threshold, by each of the first two rungs.
  double rehearsal_share = 0.25;       // Of the batch.
  int64_t rollbacks = 2;               // At most, between two resets by hand.
};

// Highest level that the options allow, 0 to kRollBack.
uint32_t HighestLevel(const BreakerOptions& options);

// A probe that is not checked any more has no say in steps down: after this many times its own
// interval between checks, or that of the probe that is checked, whichever is longer.
inline constexpr uint64_t kSilentIntervals = 10;

// Checks in a row of one probe since the level last changed.
struct ProbeStreak {
  uint64_t step = 0;      // Of the newest check.
  uint32_t worse = 0;     // Above the limit.
  uint32_t calm = 0;      // Under half of it.
  uint64_t interval = 0;  // Steps from the check before to the newest; 0 while there is but one.

  bool operator==(const ProbeStreak&) const = default;
};

// Durable: a count goes on where it was after a restart.
struct BreakerState {
  uint32_t level = 0;
  uint32_t rollbacks = 0;
  uint64_t since_step = 0;  // Of the last change.
  std::string reason;       // Of the last change.
  std::map<std::string, ProbeStreak> streaks;
  bool awaits_roll_back = false;  // Asked for, and the run has not gone back since.

  bool operator==(const BreakerState&) const = default;
};

struct BreakerDecision {
  bool changed = false;  // A directive is due.
  // For that directive alone: a roll-back is asked for once, later directives keep what holds.
  BreakerAction action = BreakerAction::kNone;
  std::string reason;
};

// Takes one check of `probe` into `state`. Three above the limit in a row, of one probe, go one
// rung up; three under half of the limit in a row, of every probe that has not fallen silent (see
// kSilentIntervals), go one down, and the reason names those that had no say; what lies between
// ends both counts. After a change all counts begin anew, with checks of later steps: several
// probes that are checked at one step go one rung up together. A step that was counted does not
// count again. The time is the check's step. Pure.
BreakerDecision StepBreaker(const std::string& probe, const ProbeCheck& check,
                            const BreakerOptions& options, BreakerState& state);

// Takes a level above the last rung allowed, which a directive in force or a state written under
// other options may bring, down to that rung. Unchanged at or below it. Pure.
BreakerDecision BoundLevel(uint64_t step, const BreakerOptions& options, BreakerState& state);

// What holds at `level` once the run is back at a checkpoint: a roll-back is not asked for again.
BreakerDecision BackAt(uint64_t step, uint32_t level);

// Level 0, all counts and the number of roll-backs forgotten.
void ResetBreaker(uint64_t step, const std::string& reason, BreakerState& state);

// The run went back to `step`: checks of later steps are of weights that are gone, and the last
// change holds from there.
void ForgetAfter(uint64_t step, BreakerState& state);

// The run answered the roll-back at `step`, with other weights from there on: checks of later steps
// count, from nothing.
void EndRollBack(uint64_t step, BreakerState& state);

// What a level asks for as long as it holds.
BreakerAction HoldingAction(uint32_t level);
double ThresholdOffset(uint32_t level, const BreakerOptions& options);
double RehearsalShare(uint32_t level, const BreakerOptions& options);
// The rate where the rate is the lever: each of the first two rungs takes a quarter of it away.
double TightenedRate(double rate, uint32_t level);

}  // namespace sluice::sidecar
