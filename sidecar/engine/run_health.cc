// How a run minds its health: probes, the breaker, alerts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "sidecar/engine/run.h"

namespace sluice::sidecar {
namespace {

// Between two looks for alerts that only time raises.
constexpr std::chrono::milliseconds kLookEvery{200};

bool Fires(const std::vector<Alert>& firing, const std::string& name) {
  return std::any_of(firing.begin(), firing.end(),
                     [&name](const Alert& alert) { return alert.name == name; });
}

// Says what began and what ended; true if anything did.
bool LogAlerts(const std::string& run, const AlertState& before, const AlertState& after) {
  bool any = false;
  for (const Alert& alert : after.firing) {
    if (Fires(before.firing, alert.name)) continue;
    spdlog::warn("run '{}': alert {}: {}", run, alert.name, alert.reason);
    any = true;
  }
  for (const Alert& alert : before.firing) {
    if (Fires(after.firing, alert.name)) continue;
    spdlog::info("run '{}': alert {} is over, since step {}", run, alert.name, alert.since_step);
    any = true;
  }
  return any;
}

}  // namespace

void Run::Enforce(const JournalInput& input, const BreakerDecision& decision, uint64_t step,
                  Outbox& outbox) {
  spdlog::warn("run '{}': {}", record_.run, decision.reason);
  const Directive directive = ApplyBreaker(decision, step, options_, record_);
  Note(input, step, directive, decision.reason);
  Announce(directive, outbox);
}

void Run::TakeProbe(const std::string& probe, const ProbeCheck& check, Outbox& outbox) {
  dirty_ = true;
  const size_t named = record_.probes.size() - record_.probes.count(kOtherProbes);
  if (!record_.probes.contains(probe) && named >= kMaxProbes) {
    ProbeState& other = record_.probes[kOtherProbes];
    ++(IsWorse(check) ? other.worse : other.ok);
    return;
  }
  if (!CountCheck(check, record_.probes[probe])) return;
  JournalInput input = InputOf("probe");
  input.probe = probe;
  input.check = check;
  const BreakerDecision decision = StepBreaker(probe, check, options_.breaker, record_.breaker);
  if (!decision.changed) return;
  Enforce(input, decision, check.step, outbox);
}

// Versions only rise: an event that comes late says nothing of a newer directive.
void Run::TakeVersion(const Event& event) {
  dirty_ = true;
  if (event.kind == "directive_applied") {
    record_.alerts.applied_version = std::max(record_.alerts.applied_version, event.version);
  } else if (event.version >= record_.alerts.refused_version) {
    record_.alerts.refused_version = event.version;
    record_.alerts.refused_why = event.detail;
  }
}

// A full disk, most often: the alert stands until one is saved again.
void Run::TakeCheckpoint(const Event& event) {
  dirty_ = true;
  if (!event.detail.empty())
    spdlog::warn("run '{}': checkpoint {}: {}", record_.run, event.key, event.detail);
  record_.alerts.checkpoint_error = event.detail;
}

void Run::TakeActivity(const GroupActivity& activity, Outbox& outbox) {
  JournalInput input = InputOf("dormancy");
  input.activity = activity;
  const std::optional<Directive> directive =
      ApplyDormancy(DecideDormancy(activity, options_.dormancy), activity.last_step, record_);
  if (!directive) return;
  dirty_ = true;
  spdlog::info("run '{}': {}", record_.run, directive->reason);
  Note(input, activity.last_step, directive, directive->reason);
  Announce(*directive, outbox);
}

// A roll-back changes the weights: what is checked at the same steps again is something new. Any
// other restore repeats what was, and counts once.
void Run::GoBackTo(uint64_t step) {
  if (!record_.breaker.awaits_roll_back) return;
  ForgetAfter(step, record_.breaker);
  for (auto& [name, probe] : record_.probes) probe.step = std::min(probe.step, step);
}

// The run is back at a checkpoint, so it must not be told again to go there: it may well have one
// from before the directive that said so.
void Run::EndRollBack(Outbox& outbox) {
  if (!record_.in_force.has_value() ||
      record_.in_force->breaker_action != BreakerAction::kRollBack) {
    return;
  }
  JournalInput input = InputOf("rolled_back");
  input.step = record_.generation_max;
  Enforce(input, BackAt(input.step, record_.breaker.level), input.step, outbox);
}

// The run has other weights from this step on, and goes on counting steps from there.
void Run::TakeRung(const Event& event, Outbox& outbox) {
  dirty_ = true;
  if (!event.detail.empty()) {
    spdlog::warn("run '{}': the breaker's rung of directive {} was not taken: {}", record_.run,
                 event.key, event.detail);
  }
  if (!event.rolled_back) return;
  sidecar::EndRollBack(event.step, record_.breaker);
  EndRollBack(outbox);
}

// A directive that was adopted, or a state from before a start with other options, may have a level
// that is not allowed.
void Run::BoundBreaker(Outbox& outbox) {
  JournalInput input = InputOf("bound");
  input.step = record_.generation_max;
  const BreakerDecision decision = BoundLevel(input.step, options_.breaker, record_.breaker);
  if (decision.changed) Enforce(input, decision, input.step, outbox);
}

absl::StatusOr<Directive> Run::ResetBreaker(const std::string& reason, Outbox& outbox) {
  // Roll-backs that were used up are given back by a reset alone, also at level 0.
  if (record_.breaker.level == 0 && record_.breaker.rollbacks == 0) {
    return absl::FailedPreconditionError("breaker is closed");
  }
  JournalInput input = InputOf("reset_breaker");
  input.step = record_.generation_max;
  input.reason = reason;
  sidecar::ResetBreaker(record_.generation_max, reason, record_.breaker);
  const Directive directive = ApplyBreaker({true, BreakerAction::kNone, record_.breaker.reason},
                                           record_.generation_max, options_, record_);
  Note(input, input.step, directive, directive.reason);
  dirty_ = changed_ = true;
  Announce(directive, outbox);
  return directive;
}

void Run::NoteRefusedNumber(const std::string& detail) {
  ++record_.alerts.refused_numbers;
  record_.alerts.refused_number = detail;
  dirty_ = changed_ = true;
}

AlertInput Run::Measure() const {
  AlertInput input;
  input.step = record_.generation_max;
  // A window that has silent steps in it says nothing of the others.
  input.rates_silent = record_.newest.rate_alerts_silent ||
                       record_.alerts.silent_step + options_.window > record_.window_end;
  for (const LayerSteering& layer : record_.steering) {
    if (layer.windows > 0) input.layers.push_back({layer.layer, layer.last_rate, layer.ema_mean});
  }
  for (const auto& [name, probe] : record_.probes) {
    if (name != kOtherProbes) input.probes.push_back({name, probe.delta, probe.limit});
  }
  if (record_.in_force.has_value()) {
    input.version_in_force = record_.in_force->version;
    for (const GroupScale& group : record_.in_force->group_scales) {
      if (group.scale <= input.scale) continue;
      input.scale = group.scale;
      input.scaled_group = group.group;
    }
  }
  uint32_t ended = 0;
  for (uint32_t rank = 0; rank < record_.world_size; ++rank) {
    const auto slot = slots_.find(rank);
    if (slot == slots_.end()) {
      input.ranks.push_back({rank, false, group_since_});
    } else if (slot->second.record.ended) {
      ++ended;
    } else {
      input.ranks.push_back(
          {rank, slot->second.sink != nullptr, std::max(slot->second.since, group_since_)});
    }
  }
  input.ended = ended > 0 && ended == record_.world_size;
  return input;
}

void Run::LookForAlerts(std::optional<uint64_t> window_end) {
  AlertInput input = Measure();
  input.window_end = window_end;
  AlertState next = EvaluateAlerts(record_.alerts, input, now_, options_.alerts);
  if (next == record_.alerts) return;
  if (LogAlerts(record_.run, record_.alerts, next)) ++revision_;
  record_.alerts = std::move(next);
  dirty_ = changed_ = true;
}

bool Run::Tick(AlertTime now) {
  now_ = now;
  if (group_since_ == AlertTime{}) group_since_ = now;  // Times of a former process are unknown.
  if (now - looked_ < kLookEvery) return false;
  looked_ = now;
  LookForAlerts(std::nullopt);
  return dirty_;
}

}  // namespace sluice::sidecar
