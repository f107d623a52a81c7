#include "sidecar/store/record_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace nlohmann {

template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) {
    j = value.has_value() ? json(*value) : json(nullptr);
  }
  static void from_json(const json& j, std::optional<T>& value) {
    value = j.is_null() ? std::nullopt : std::optional<T>(j.get<T>());
  }
};

}  // namespace nlohmann

namespace sluice {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LayerCounters, layer, tokens_open, tokens_closed,
                                                score_sum_micro, score_square_sum_micro,
                                                score_histogram)

}  // namespace sluice

namespace sluice::sidecar {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GateLayer, layer, scorer, policy, threshold,
                                                target_rate)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LayerSteering, layer, base, sent_base, windows,
                                                ema_mean, ema_weights, last_mean, last_stddev,
                                                last_rate)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Newest, step, loss, train_accuracy, accuracy_dense,
                                                accuracy_gated, gradient_norm, learning_rate,
                                                images_per_second, rate_alerts_silent, thresholds,
                                                compute_saved_ratio)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ProbeState, step, delta, limit, ok, worse)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ProbeStreak, step, worse, calm, interval)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(BreakerState, level, rollbacks, since_step, reason,
                                                streaks, awaits_roll_back)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Alert, name, reason, since_step)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AveragePoint, step, averages)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AlertState, firing, averages, silent_step,
                                                applied_version, awaited_version, awaited_since,
                                                refused_version, refused_why, refused_numbers,
                                                refused_before, refused_number, checkpoint_error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LayerWindow, layer, threshold, target_rate, mean,
                                                ema, stddev, rate)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(WindowRecord, run, serial, merged, first_step,
                                                last_step, coverage, layers, directive_version,
                                                reason, loss)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DecisionRecord, layer, tokens, mean, ema_mean,
                                                previous_base, base, threshold, predicted_rate,
                                                breaker_offset, decided_by, reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RunRecord, run, world_size, epoch, holder,
                                                generation, work_base, generation_start,
                                                generation_max, window_end, version, activity,
                                                windows, journal, coverage, trigger_ratio, gates,
                                                steering, newest, probes, breaker, alerts)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ProbeCheck, step, delta, noise)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ComposeLimits, guard_low, guard_high, max_change)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(BreakerOptions, last_rung, raise, rehearsal_share,
                                                rollbacks)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DormancyOptions, below, scale_limit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GroupCount, group, active_steps)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GroupActivity, first_step, last_step, groups)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PolicyOptions, policy, window, alpha, target_rate,
                                                limits, breaker, dormancy)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(JournalInput, kind, options, first_step, last_step,
                                                layers, probe, check, activity, step, layer,
                                                threshold, reason)

namespace {

using nlohmann::json;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

template <typename T>
absl::StatusOr<T> Parse(const json& parsed, const char* what) {
  if (!parsed.is_object()) return absl::DataLossError(absl::StrCat(what, " is not a JSON object"));
  try {
    return parsed.get<T>();
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat(what, ": ", error.what()));
  }
}

// An older sidecar kept a probe's newest rise only.
absl::Status ReadOldProbes(const json& parsed, RunRecord& run) {
  if (!parsed.contains("probe_deltas")) return absl::OkStatus();
  try {
    for (const auto& [probe, delta] : parsed["probe_deltas"].get<std::map<std::string, double>>()) {
      run.probes[probe].delta = delta;
    }
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("run: probe_deltas: ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace

std::string RunToJson(const RunRecord& run) {
  json body = run;
  if (run.in_force.has_value()) body["in_force"] = DirectiveToJson(*run.in_force);
  return Dump(body);
}

absl::StatusOr<RunRecord> RunFromJson(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  SLUICE_ASSIGN_OR_RETURN(RunRecord run, Parse<RunRecord>(parsed, "run"));
  SLUICE_RETURN_IF_ERROR(ReadOldProbes(parsed, run));
  if (parsed.contains("in_force") && parsed["in_force"].is_string()) {
    SLUICE_ASSIGN_OR_RETURN(run.in_force, DirectiveFromJson(parsed["in_force"].get<std::string>()));
  }
  if (run.steering.size() != run.gates.size()) {
    return absl::DataLossError(absl::StrCat("run '", run.run, "' has ", run.gates.size(),
                                            " gates but ", run.steering.size(), " policy states"));
  }
  return run;
}

std::string WindowToJson(const WindowRecord& window) { return Dump(window); }

absl::StatusOr<WindowRecord> WindowFromJson(const std::string& text) {
  return Parse<WindowRecord>(json::parse(text, nullptr, false), "window");
}

std::string OutcomeToJson(const JournalRecord& entry) {
  json body = {{"decisions", entry.decisions}};
  if (entry.directive.has_value()) body["directive"] = DirectiveToJson(*entry.directive);
  return Dump(body);
}

absl::Status OutcomeFromJson(const std::string& text, JournalRecord& entry) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return absl::DataLossError("journal: outcome is not a JSON object");
  try {
    if (parsed.contains("decisions")) parsed["decisions"].get_to(entry.decisions);
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("journal: ", error.what()));
  }
  if (!parsed.contains("directive")) return absl::OkStatus();
  if (!parsed["directive"].is_string()) return absl::DataLossError("journal: directive is no text");
  SLUICE_ASSIGN_OR_RETURN(entry.directive,
                          DirectiveFromJson(parsed["directive"].get<std::string>()));
  return absl::OkStatus();
}

std::string InputToJson(const JournalInput& input) {
  json body = input;
  // As text, for what is exact there.
  body["before"] = RunToJson(input.before);
  if (input.adopted.has_value()) body["adopted"] = DirectiveToJson(*input.adopted);
  return Dump(body);
}

absl::StatusOr<JournalInput> InputFromJson(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  SLUICE_ASSIGN_OR_RETURN(JournalInput input, Parse<JournalInput>(parsed, "journal input"));
  SLUICE_ASSIGN_OR_RETURN(input.before, RunFromJson(parsed.value("before", "")));
  if (parsed.contains("adopted") && parsed["adopted"].is_string()) {
    SLUICE_ASSIGN_OR_RETURN(input.adopted, DirectiveFromJson(parsed["adopted"].get<std::string>()));
  }
  return input;
}

}  // namespace sluice::sidecar
