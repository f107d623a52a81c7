#include "sidecar/engine/steering.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sidecar/policy/ema_threshold.h"
#include "sidecar/policy/target_rate.h"

namespace sluice::sidecar {
namespace {

constexpr double kSmallestChange = 1e-4;

// Worth a directive. To or from 0 always is: it opens all.
bool IsChange(double from, double to) {
  return std::abs(to - from) > kSmallestChange || (from == 0.0) != (to == 0.0);
}

bool ThresholdIsTheLever(const GateLayer& gate) { return gate.policy == "threshold"; }

// Moves the averages of one layer by the window's tokens; the first window sets them. Tokens that
// an earlier gate closed have no score here: they count as under every threshold, and not into the
// mean. False if no token has one: then the averages stay where they are.
bool Feed(const LayerCounters& counts, uint64_t tokens, double alpha, LayerSteering& layer) {
  const double n = static_cast<double>(tokens);
  layer.last_rate = static_cast<double>(counts.tokens_open) / n;
  const uint64_t scored =
      std::accumulate(counts.score_histogram.begin(), counts.score_histogram.end(), uint64_t{0});
  if (scored == 0) return false;
  const double s = static_cast<double>(scored);
  const double square = static_cast<double>(counts.score_square_sum_micro) * 1e-6 / s;
  layer.last_mean = static_cast<double>(counts.score_sum_micro) * 1e-6 / s;
  layer.last_stddev = std::sqrt(std::max(0.0, square - layer.last_mean * layer.last_mean));
  const double weight = layer.windows == 0 ? 1.0 : alpha;
  layer.ema_mean += weight * (layer.last_mean - layer.ema_mean);
  for (int i = 0; i < kScoreBins; ++i) {
    const uint64_t unscored = i == 0 && tokens > scored ? tokens - scored : 0;
    const double share = static_cast<double>(counts.score_histogram[i] + unscored) / std::max(n, s);
    layer.ema_weights[i] += weight * (share - layer.ema_weights[i]);
  }
  ++layer.windows;
  return true;
}

bool ByTargetRate(const GateLayer& gate, const PolicyOptions& options) {
  return options.policy == ThresholdPolicy::kTargetRate ||
         (options.policy == ThresholdPolicy::kAuto && gate.target_rate > 0.0);
}

// What the breaker adds to the threshold of a layer. Where a rate is aimed at it lowers the rate.
double BreakerOffset(const GateLayer& gate, uint32_t level, const PolicyOptions& options) {
  return ByTargetRate(gate, options) ? 0.0 : ThresholdOffset(level, options.breaker);
}

Proposal Propose(const GateLayer& gate, const PolicyOptions& options, uint32_t breaker_level,
                 const LayerSteering& layer) {
  if (!ByTargetRate(gate, options)) {
    return EmaThreshold(layer.base, layer.last_mean, options.alpha);
  }
  const double target = gate.target_rate > 0.0 ? gate.target_rate : options.target_rate;
  return TargetRate(layer.ema_weights, TightenedRate(target, breaker_level));
}

DecisionRecord Decide(size_t index, uint64_t tokens, const PolicyOptions& options, RunRecord& run) {
  const GateLayer& gate = run.gates[index];
  LayerSteering& layer = run.steering[index];
  const uint32_t level = run.breaker.level;
  const double offset = BreakerOffset(gate, level, options);
  const ComposeInput input{Propose(gate, options, level, layer),
                           layer.ema_weights,
                           layer.sent_base,
                           {std::min(layer.sent_base + offset, 1.0), layer.last_rate},
                           offset};
  const Decision decision = Compose(input, options.limits);
  DecisionRecord record;
  record.layer = gate.layer;
  record.tokens = tokens;
  record.mean = layer.last_mean;
  record.ema_mean = layer.ema_mean;
  record.previous_base = layer.base;
  record.base = decision.base;
  record.threshold = decision.threshold;
  record.predicted_rate = decision.predicted_rate;
  record.breaker_offset = input.breaker_offset;
  record.decided_by = decision.decided_by;
  record.reason = decision.reason;
  layer.base = decision.base;
  return record;
}

// The values in force as the next version; the caller changes what it came for.
Directive NextDirective(const RunRecord& run) {
  Directive next = run.in_force.value_or(Directive{});
  next.run = run.run;
  next.version = run.version + 1;
  next.breaker_action = HoldingAction(run.breaker.level);
  next.breaker_level = run.breaker.level;
  next.layers.clear();
  for (size_t i = 0; i < run.gates.size(); ++i) next.layers.push_back(InForce(run, i));
  return next;
}

void PutInForce(const Directive& directive, RunRecord& run) {
  run.version = directive.version;
  run.in_force = directive;
}

// The policies go on from `threshold`, of which the breaker's part is not theirs.
void SetBase(size_t index, double threshold, const PolicyOptions& options, RunRecord& run) {
  const double offset = BreakerOffset(run.gates[index], run.breaker.level, options);
  LayerSteering& layer = run.steering[index];
  layer.base = layer.sent_base = std::max(threshold - offset, 0.0);
}

}  // namespace

LayerDirective InForce(const RunRecord& run, size_t index) {
  const GateLayer& gate = run.gates[index];
  if (run.in_force.has_value()) {
    for (const LayerDirective& layer : run.in_force->layers) {
      if (layer.layer == gate.layer) return layer;
    }
  }
  return {gate.layer, gate.threshold, gate.target_rate};
}

void ReconcileSteering(RunRecord& run) {
  std::vector<LayerSteering> result;
  for (size_t i = 0; i < run.gates.size(); ++i) {
    LayerSteering layer;
    layer.layer = run.gates[i].layer;
    layer.base = layer.sent_base = InForce(run, i).threshold;
    for (const LayerSteering& old : run.steering) {
      if (old.layer == layer.layer) layer = old;
    }
    result.push_back(layer);
  }
  run.steering = std::move(result);
}

SteeringResult Steer(const ClosedWindow& window, const PolicyOptions& options, RunRecord& run) {
  SteeringResult result;
  Directive next = NextDirective(run);
  std::vector<std::string> reasons;
  bool changed = false;
  for (size_t i = 0; i < run.gates.size(); ++i) {
    const GateLayer& gate = run.gates[i];
    LayerSteering& layer = run.steering[i];
    const LayerCounters& counts = window.counts.layers[i];
    const uint64_t tokens = counts.tokens_open + counts.tokens_closed;
    std::string why = absl::StrCat("layer ", gate.layer, ": ");
    if (tokens == 0) {
      reasons.push_back(why + "no tokens in the window");
      continue;
    }
    if (!Feed(counts, tokens, options.alpha, layer)) {
      reasons.push_back(why + "no token has a score, an earlier gate closed all");
      continue;
    }
    if (!ThresholdIsTheLever(gate)) {
      reasons.push_back(
          absl::StrCat(why, "gate policy is ", gate.policy, ", the threshold is not its lever"));
      continue;
    }
    result.decisions.push_back(Decide(i, tokens, options, run));
    const DecisionRecord& decision = result.decisions.back();
    reasons.push_back(why + decision.reason);
    changed |= IsChange(next.layers[i].threshold, decision.threshold);
    next.layers[i].threshold = decision.threshold;
  }
  result.reason = reasons.empty() ? "the run has no gate" : absl::StrJoin(reasons, "; ");
  if (!changed) return result;
  next.reason = result.reason;
  next.based_on_step = window.last_step;
  for (LayerSteering& layer : run.steering) layer.sent_base = layer.base;
  PutInForce(next, run);
  result.directive = next;
  return result;
}

absl::StatusOr<Directive> SetThreshold(uint32_t layer, double threshold, const std::string& reason,
                                       const PolicyOptions& options, RunRecord& run) {
  for (size_t i = 0; i < run.gates.size(); ++i) {
    if (run.gates[i].layer != layer) continue;
    if (!ThresholdIsTheLever(run.gates[i])) {
      return absl::FailedPreconditionError(
          absl::StrCat("the gate policy of layer ", layer, " is '", run.gates[i].policy,
                       "', expected 'threshold': the threshold is not its lever"));
    }
    Directive next = NextDirective(run);
    next.layers[i].threshold = threshold;
    next.reason = absl::StrCat("set by hand: ", reason);
    next.based_on_step = run.window_end;
    SetBase(i, threshold, options, run);
    PutInForce(next, run);
    return next;
  }
  return absl::NotFoundError(absl::StrCat("run '", run.run, "' has no gate layer ", layer));
}

bool AdoptDirective(const Directive& directive, const PolicyOptions& options, RunRecord& run) {
  if (directive.version <= run.version) return false;
  PutInForce(directive, run);
  run.breaker.level = std::min(directive.breaker_level, kRollBack);
  for (size_t i = 0; i < run.steering.size(); ++i) {
    SetBase(i, InForce(run, i).threshold, options, run);
  }
  return true;
}

Directive ApplyBreaker(const BreakerDecision& decision, uint64_t step, const PolicyOptions& options,
                       RunRecord& run) {
  const uint32_t level = run.breaker.level;
  Directive next = NextDirective(run);
  for (size_t i = 0; i < run.gates.size(); ++i) {
    const GateLayer& gate = run.gates[i];
    if (ThresholdIsTheLever(gate)) {
      next.layers[i].threshold =
          std::clamp(run.steering[i].sent_base + BreakerOffset(gate, level, options), 0.0, 1.0);
    } else {
      next.layers[i].target_rate = TightenedRate(gate.target_rate, level);
    }
  }
  next.breaker_action = decision.action;
  next.rehearsal_share = RehearsalShare(level, options.breaker);
  next.reason = decision.reason;
  next.based_on_step = step;
  PutInForce(next, run);
  return next;
}

std::optional<Directive> ApplyDormancy(const DormancyDecision& decision, uint64_t step,
                                       RunRecord& run) {
  Directive next = NextDirective(run);
  if (next.group_scales == decision.scales) return std::nullopt;
  next.group_scales = decision.scales;
  next.reason = decision.reason;
  next.based_on_step = step;
  PutInForce(next, run);
  return next;
}

}  // namespace sluice::sidecar
