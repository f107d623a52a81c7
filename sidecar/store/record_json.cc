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
                                                refused_before, refused_number)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LayerWindow, layer, threshold, target_rate, mean,
                                                ema, stddev, rate)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(WindowRecord, run, first_step, last_step, coverage,
                                                layers, directive_version, reason, loss)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DecisionRecord, run, step, layer, directive_version,
                                                tokens, mean, ema_mean, previous_base, base,
                                                threshold, predicted_rate, breaker_offset,
                                                decided_by, reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RunRecord, run, world_size, epoch, holder,
                                                generation, work_base, generation_start,
                                                generation_max, window_end, version, activity,
                                                coverage, trigger_ratio, gates, steering, newest,
                                                probes, breaker, alerts)

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

std::string DecisionToJson(const DecisionRecord& decision) { return Dump(decision); }

}  // namespace sluice::sidecar
