#include "sidecar/policy/breaker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::sidecar {
namespace {

constexpr uint32_t kInARow = 3;
constexpr size_t kMostNamed = 3;  // Probes in one reason.

std::string ActionName(BreakerAction action) {
  switch (action) {
    case BreakerAction::kTighten:
      return "tighten";
    case BreakerAction::kRehearse:
      return "rehearse";
    case BreakerAction::kFreezeBackbone:
      return "freeze the backbone";
    case BreakerAction::kRollBack:
      return "roll back";
    default:
      return "none";
  }
}

// The probe was checked; the first time there is no interval yet.
void NoteCheck(uint64_t step, bool is_first, ProbeStreak& streak) {
  streak.interval = is_first ? 0 : step - streak.step;
  streak.step = step;
}

void CountStreak(const ProbeCheck& check, ProbeStreak& streak) {
  streak.worse = IsWorse(check) ? streak.worse + 1 : 0;
  streak.calm = check.delta < 0.5 * ProbeLimit(check) ? streak.calm + 1 : 0;
}

void BeginStreaks(BreakerState& state) {
  for (auto& [probe, streak] : state.streaks) streak.worse = streak.calm = 0;
}

// Seen from the probe that is being checked.
bool IsSilent(const ProbeStreak& streak, const ProbeStreak& checked) {
  const uint64_t interval = std::max(streak.interval, checked.interval);
  return interval > 0 && checked.step > streak.step &&
         (checked.step - streak.step) / interval >= kSilentIntervals;
}

// True if every probe that has a say is calm; `silent` then says which have none. A reason is
// bounded, and so is what it names.
bool AllCalm(const ProbeStreak& checked, const BreakerState& state, std::string* silent) {
  size_t count = 0;
  for (const auto& [probe, streak] : state.streaks) {
    if (streak.calm >= kInARow) continue;
    if (!IsSilent(streak, checked)) return false;
    if (++count > kMostNamed) continue;
    absl::StrAppend(silent, "; probe ", probe, " has no say, its last check was at step ",
                    streak.step);
  }
  if (count > kMostNamed) absl::StrAppend(silent, "; so have ", count - kMostNamed, " more");
  return true;
}

BreakerDecision MoveTo(uint32_t level, BreakerAction action, const std::string& why, uint64_t step,
                       BreakerState& state) {
  BreakerDecision decision{true, action, ""};
  decision.reason = absl::StrCat("breaker: level ", state.level, " to ", level, " (",
                                 ActionName(action), ") at step ", step, ": ", why);
  state.level = level;
  state.awaits_roll_back = action == BreakerAction::kRollBack;
  state.since_step = step;
  state.reason = decision.reason;
  BeginStreaks(state);
  return decision;
}

BreakerDecision Stay(const std::string& why) { return {false, BreakerAction::kNone, why}; }

// One rung up, or the last one again, as far as the options let it.
BreakerDecision GoUp(const std::string& why, uint64_t step, const BreakerOptions& options,
                     BreakerState& state) {
  const uint32_t highest = HighestLevel(options);
  if (state.level >= highest && state.level < kRollBack) {
    return Stay(absl::StrCat(why, "; level ", state.level,
                             " is the last allowed, breaker.last-rung is ", options.last_rung));
  }
  const uint32_t next = std::min(state.level + 1, kRollBack);
  if (next < kRollBack) return MoveTo(next, HoldingAction(next), why, step, state);
  if (highest < kRollBack || state.rollbacks >= static_cast<uint64_t>(options.rollbacks)) {
    return Stay(absl::StrCat(why, "; no roll-back is left of ", options.rollbacks));
  }
  ++state.rollbacks;
  return MoveTo(kRollBack, BreakerAction::kRollBack,
                absl::StrCat(why, "; roll-back ", state.rollbacks, " of ", options.rollbacks), step,
                state);
}

}  // namespace

const std::vector<std::string>& BreakerRungNames() {
  static const auto* const names =
      new std::vector<std::string>{"none", "raise", "rehearse", "freeze", "rollback"};
  return *names;
}

uint32_t HighestLevel(const BreakerOptions& options) {
  const std::vector<std::string>& names = BreakerRungNames();
  const auto index = static_cast<uint32_t>(
      std::find(names.begin(), names.end(), options.last_rung) - names.begin());
  return index == 0 ? 0 : index + 1;  // `raise` names two rungs.
}

BreakerDecision StepBreaker(const std::string& probe, const ProbeCheck& check,
                            const BreakerOptions& options, BreakerState& state) {
  const auto [entry, is_new] = state.streaks.try_emplace(probe);
  ProbeStreak& streak = entry->second;
  if (!is_new && check.step <= streak.step) {
    return Stay(absl::StrCat("probe ", probe, ": step ", check.step, " was counted before"));
  }
  if (state.since_step > 0 && check.step <= state.since_step) {
    NoteCheck(check.step, is_new, streak);
    return Stay(absl::StrCat("probe ", probe, ": step ", check.step,
                             " is not after the last change, at step ", state.since_step));
  }
  NoteCheck(check.step, is_new, streak);
  CountStreak(check, streak);
  const std::string why = absl::StrFormat(
      "probe %s: loss %+.2f %% over its baseline, limit %.2f %%, %d in a row "
      "above it, %d under half of it",
      probe, 100.0 * check.delta, 100.0 * ProbeLimit(check), streak.worse, streak.calm);
  // At the end of the ladder the count stands still, so that it neither wraps nor is lost.
  if (streak.worse >= kInARow) {
    const BreakerDecision decision = GoUp(why, check.step, options, state);
    streak.worse = std::min(streak.worse, kInARow);
    return decision;
  }
  if (streak.calm >= kInARow) {
    streak.calm = kInARow;
    std::string silent;
    if (state.level > 0 && AllCalm(streak, state, &silent)) {
      return MoveTo(state.level - 1, HoldingAction(state.level - 1), why + silent, check.step,
                    state);
    }
  }
  return Stay(why);
}

BreakerDecision BoundLevel(uint64_t step, const BreakerOptions& options, BreakerState& state) {
  const uint32_t highest = HighestLevel(options);
  if (state.level <= highest) return Stay("");
  return MoveTo(highest, HoldingAction(highest),
                absl::StrCat("breaker.last-rung is ", options.last_rung), step, state);
}

BreakerDecision BackAt(uint64_t step, uint32_t level) {
  return {true, HoldingAction(level),
          absl::StrCat("breaker: level ", level, ", the run is back at step ", step)};
}

void ResetBreaker(uint64_t step, const std::string& reason, BreakerState& state) {
  (void)MoveTo(0, BreakerAction::kNone, absl::StrCat("reset by hand: ", reason), step, state);
  state.rollbacks = 0;
}

void ForgetAfter(uint64_t step, BreakerState& state) {
  for (auto& [probe, streak] : state.streaks) {
    streak = ProbeStreak{.step = std::min(streak.step, step)};
  }
  state.since_step = std::min(state.since_step, step);
  state.awaits_roll_back = false;
}

void EndRollBack(uint64_t step, BreakerState& state) {
  if (!state.awaits_roll_back) return;
  BeginStreaks(state);
  state.since_step = std::max(state.since_step, step);
  state.awaits_roll_back = false;
}

BreakerAction HoldingAction(uint32_t level) {
  if (level == 0) return BreakerAction::kNone;
  if (level <= kRaiseTwice) return BreakerAction::kTighten;
  return level == kRehearse ? BreakerAction::kRehearse : BreakerAction::kFreezeBackbone;
}

double ThresholdOffset(uint32_t level, const BreakerOptions& options) {
  return options.raise * std::min(level, kRaiseTwice);
}

double RehearsalShare(uint32_t level, const BreakerOptions& options) {
  return level >= kRehearse ? options.rehearsal_share : 0.0;
}

double TightenedRate(double rate, uint32_t level) {
  return rate * (1.0 - 0.25 * std::min(level, kRaiseTwice));
}

}  // namespace sluice::sidecar
