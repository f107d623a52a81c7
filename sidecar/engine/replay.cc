#include "sidecar/engine/replay.h"

#include "absl/strings/str_cat.h"

namespace sluice::sidecar {
namespace {

ClosedWindow WindowOf(const JournalInput& input) {
  ClosedWindow window{input.first_step, input.last_step, {}, 1.0};
  window.counts.layer_count = static_cast<uint32_t>(input.layers.size());
  for (size_t i = 0; i < input.layers.size(); ++i) window.counts.layers[i] = input.layers[i];
  return window;
}

std::optional<Directive> ReplayProbe(const JournalInput& input, RunRecord& run) {
  const BreakerDecision decision =
      StepBreaker(input.probe, input.check, input.options.breaker, run.breaker);
  if (!decision.changed) return std::nullopt;
  return ApplyBreaker(decision, input.check.step, input.options, run);
}

std::optional<Directive> ReplayBound(const JournalInput& input, RunRecord& run) {
  const BreakerDecision decision = BoundLevel(input.step, input.options.breaker, run.breaker);
  if (!decision.changed) return std::nullopt;
  return ApplyBreaker(decision, input.step, input.options, run);
}

}  // namespace

RunRecord PolicyState(const RunRecord& run) {
  RunRecord state;
  state.run = run.run;
  state.window_end = run.window_end;
  state.version = run.version;
  state.gates = run.gates;
  state.steering = run.steering;
  state.breaker = run.breaker;
  state.in_force = run.in_force;
  return state;
}

JournalInput WindowInput(const RunRecord& before, const PolicyOptions& options,
                         const ClosedWindow& window) {
  JournalInput input;
  input.kind = "window";
  input.before = PolicyState(before);
  input.options = options;
  input.first_step = window.first_step;
  input.last_step = window.last_step;
  for (uint32_t i = 0; i < window.counts.layer_count; ++i) {
    input.layers.push_back(window.counts.layers[i]);
  }
  return input;
}

std::optional<Directive> Replay(const JournalInput& input) {
  RunRecord run = input.before;
  if (input.kind == "window") return Steer(WindowOf(input), input.options, run).directive;
  if (input.kind == "probe") return ReplayProbe(input, run);
  if (input.kind == "bound") return ReplayBound(input, run);
  if (input.kind == "rolled_back") {
    return ApplyBreaker(BackAt(input.step, run.breaker.level), input.step, input.options, run);
  }
  if (input.kind == "dormancy") {
    return ApplyDormancy(DecideDormancy(input.activity, input.options.dormancy),
                         input.activity.last_step, run);
  }
  if (input.kind == "set_threshold") {
    const auto directive =
        SetThreshold(input.layer, input.threshold, input.reason, input.options, run);
    return directive.ok() ? std::optional<Directive>(*directive) : std::nullopt;
  }
  if (input.kind == "reset_breaker") {
    ResetBreaker(input.step, input.reason, run.breaker);
    return ApplyBreaker({true, BreakerAction::kNone, run.breaker.reason}, input.step, input.options,
                        run);
  }
  return input.adopted;
}

absl::Status CheckReplay(const JournalInput& input, const JournalRecord& entry) {
  const std::optional<Directive> replayed = Replay(input);
  if (replayed == entry.directive) return absl::OkStatus();
  const auto text = [](const std::optional<Directive>& directive) {
    return directive.has_value() ? DirectiveToJson(*directive) : std::string("no directive");
  };
  return absl::InternalError(absl::StrCat("entry ", entry.serial, " of run '", entry.run,
                                          "': replayed ", text(replayed), ", the journal has ",
                                          text(entry.directive)));
}

}  // namespace sluice::sidecar
