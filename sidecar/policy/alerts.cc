#include "sidecar/policy/alerts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::sidecar {
namespace {

using Reasons = std::vector<std::string>;

constexpr size_t kMostReasons = 8;  // Named in one alert.

Reasons ActivationRate(const AlertInput& input, const AlertLimits& limits) {
  Reasons reasons;
  for (const LayerMeasure& layer : input.layers) {
    if (input.rates_silent || (layer.rate >= limits.rate_low && layer.rate <= limits.rate_high)) {
      continue;
    }
    reasons.push_back(absl::StrFormat("layer %d: activation rate %.3f, expected in [%.2f, %.2f]",
                                      layer.layer, layer.rate, limits.rate_low, limits.rate_high));
  }
  return reasons;
}

// Remembers the averages of a window that closed; the oldest point kept is the newest one that lies
// at least drift_steps back.
void Remember(const AlertInput& input, const AlertLimits& limits, AlertState& state) {
  const uint64_t end = *input.window_end;
  std::vector<AveragePoint>& points = state.averages;
  // Steps that are run again after a restore: what came after them is of another past.
  while (!points.empty() && points.back().step >= end) points.pop_back();
  AveragePoint point{end, {}};
  for (const LayerMeasure& layer : input.layers) point.averages.push_back(layer.average);
  if (!points.empty() && points.back().averages.size() != point.averages.size()) points.clear();
  points.push_back(std::move(point));
  while (points.size() >= 2 && points[1].step + limits.drift_steps <= end) {
    points.erase(points.begin());
  }
}

Reasons EntropyDrift(const AlertInput& input, const AlertLimits& limits, const AlertState& state) {
  Reasons reasons;
  if (state.averages.size() < 2) return reasons;
  const AveragePoint& then = state.averages.front();
  const AveragePoint& now = state.averages.back();
  if (then.step + limits.drift_steps > now.step) return reasons;  // Too young a run.
  const size_t layers = std::min(input.layers.size(), then.averages.size());
  for (size_t i = 0; i < layers; ++i) {
    const double change = std::abs(now.averages[i] - then.averages[i]);
    if (change <= limits.drift * std::abs(then.averages[i])) continue;
    reasons.push_back(absl::StrFormat(
        "layer %d: score average %.4f at step %d, was %.4f at step %d, expected within %.0f %%",
        input.layers[i].layer, now.averages[i], now.step, then.averages[i], then.step,
        100.0 * limits.drift));
  }
  return reasons;
}

Reasons ProbeDelta(const AlertInput& input) {
  Reasons reasons;
  for (const ProbeMeasure& probe : input.probes) {
    if (probe.delta <= probe.limit) continue;
    reasons.push_back(
        absl::StrFormat("probe %s: loss %+.2f %% over its baseline, expected at most %+.2f %%",
                        probe.probe, 100.0 * probe.delta, 100.0 * probe.limit));
  }
  return reasons;
}

Reasons GradientScale(const AlertInput& input, const AlertLimits& limits) {
  if (input.scale <= limits.gradient_scale) return {};
  return {absl::StrFormat("group %s: scale %.3g, expected at most %.3g", input.scaled_group,
                          input.scale, limits.gradient_scale)};
}

// Ranks whose silence of the kind `connected` has lasted longer than `most`.
Reasons Silent(const AlertInput& input, AlertTime now, bool connected, std::chrono::seconds most,
               const char* what) {
  Reasons reasons;
  for (const RankMeasure& rank : input.ranks) {
    if (rank.connected != connected || now - rank.since <= most) continue;
    // The bound and not the time that passed: a reason that changed each moment would be news.
    reasons.push_back(
        absl::StrCat("rank ", rank.rank, " ", what, " for more than ", most.count(), " s"));
  }
  return reasons;
}

// Follows the version that the run should come to. Directives may be made faster than they are
// applied: then the oldest one that was not reached counts.
void Await(const AlertInput& input, AlertState& state) {
  const uint64_t applied = state.applied_version;
  const uint64_t in_force = input.version_in_force;
  if (applied == in_force || in_force == 0) {
    state.awaited_version = state.awaited_since = 0;
  } else if (state.awaited_version == 0 ||
             (applied >= state.awaited_version && applied < in_force) ||
             input.step < state.awaited_since) {
    state.awaited_version = in_force;
    state.awaited_since = input.step;
  }
}

Reasons DirectiveMismatch(const AlertInput& input, const AlertLimits& limits,
                          const AlertState& state) {
  Reasons reasons;
  if (state.awaited_version != 0 && input.step > state.awaited_since + limits.mismatch_steps) {
    reasons.push_back(absl::StrCat("the run says version ", state.applied_version,
                                   " is in force, expected ", state.awaited_version,
                                   " or newer within ", limits.mismatch_steps, " steps of step ",
                                   state.awaited_since));
  }
  if (state.refused_version != 0 && state.refused_version == input.version_in_force) {
    reasons.push_back(
        absl::StrCat("version ", state.refused_version, " was refused: ", state.refused_why));
  }
  return reasons;
}

// Over the present window and the one before, so that one clean window clears it.
Reasons NonFinite(const AlertState& state) {
  const uint64_t count = state.refused_numbers + state.refused_before;
  if (count == 0) return {};
  return {absl::StrCat(
      count, " messages refused for a number, expected 0; the newest: ", state.refused_number)};
}

Reasons CheckpointFailed(const AlertState& state) {
  if (state.checkpoint_error.empty()) return {};
  return {absl::StrCat("the newest checkpoint was not saved: ", state.checkpoint_error)};
}

// What is wrong at a hundred thousand ranks must not make a view of as many lines.
std::string Bounded(Reasons reasons) {
  if (reasons.size() > kMostReasons) {
    const size_t more = reasons.size() - kMostReasons;
    reasons.resize(kMostReasons);
    reasons.push_back(absl::StrCat("and ", more, " more"));
  }
  return absl::StrJoin(reasons, "; ");
}

std::vector<Alert> Keep(const std::vector<Reasons>& all, uint64_t step,
                        const std::vector<Alert>& before) {
  std::vector<Alert> firing;
  for (size_t i = 0; i < kAlertNames.size(); ++i) {
    if (all[i].empty()) continue;
    Alert alert{kAlertNames[i], Bounded(all[i]), step};
    for (const Alert& old : before) {
      if (old.name == alert.name) alert.since_step = old.since_step;
    }
    firing.push_back(std::move(alert));
  }
  return firing;
}

}  // namespace

AlertState EvaluateAlerts(AlertState state, const AlertInput& input, AlertTime now,
                          const AlertLimits& limits) {
  if (input.window_end.has_value()) {
    Remember(input, limits, state);
    state.refused_before = std::exchange(state.refused_numbers, 0);
  }
  Await(input, state);
  if (input.ended) {
    state.firing.clear();
    return state;
  }
  // In the order of kAlertNames.
  const std::vector<Reasons> all = {
      ActivationRate(input, limits),
      EntropyDrift(input, limits, state),
      ProbeDelta(input),
      GradientScale(input, limits),
      Silent(input, now, false, limits.rank_lost, "has had no stream"),
      Silent(input, now, true, limits.telemetry_lost, "has sent nothing"),
      DirectiveMismatch(input, limits, state),
      NonFinite(state),
      CheckpointFailed(state),
  };
  state.firing = Keep(all, input.step, state.firing);
  return state;
}

}  // namespace sluice::sidecar
