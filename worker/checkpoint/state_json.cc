#include "worker/checkpoint/state_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::checkpoint {
namespace {

using nlohmann::json;

constexpr uint32_t kFormat = 1;

json ToJson(const std::optional<Directive>& directive) {
  return directive ? json(DirectiveToJson(*directive)) : json(nullptr);
}

// The library's own message names no key, and it cuts numbers silently.
template <typename T>
absl::Status Read(const json& parent, const char* key, T& value) {
  const auto it = parent.find(key);
  if (it == parent.end())
    return absl::InvalidArgumentError(absl::StrCat("state has no '", key, "'"));
  bool fits = true;
  if constexpr (std::is_same_v<T, bool>) {
    fits = it->is_boolean();
  } else if constexpr (std::is_unsigned_v<T>) {
    fits = it->is_number_unsigned() && it->get<uint64_t>() <= std::numeric_limits<T>::max();
  } else if constexpr (std::is_same_v<T, double>) {
    fits = it->is_number();
  }
  try {
    if (fits) value = it->get<T>();
  } catch (const json::exception&) {
    fits = false;
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("state: '", key, "' is ", it->dump(), ", which does not fit"));
}

absl::Status ReadDirective(const json& parent, const char* key, std::optional<Directive>& value) {
  if (parent.contains(key) && parent[key].is_null()) return absl::OkStatus();
  std::string text;
  SLUICE_RETURN_IF_ERROR(Read(parent, key, text));
  absl::StatusOr<Directive> directive = DirectiveFromJson(text);
  if (!directive.ok()) return Annotate(directive.status(), absl::StrCat("state: '", key, "'"));
  value = *std::move(directive);
  return absl::OkStatus();
}

json ToJson(const std::map<std::string, gate::UncertaintyMoments>& uncertainty) {
  json result = json::object();
  for (const auto& [layer, moments] : uncertainty) result[layer] = {moments.mean, moments.stddev};
  return result;
}

absl::Status ReadUncertainty(const json& j,
                             std::map<std::string, gate::UncertaintyMoments>& uncertainty) {
  if (!j.contains("uncertainty")) return absl::OkStatus();
  std::map<std::string, std::vector<double>> read;
  SLUICE_RETURN_IF_ERROR(Read(j, "uncertainty", read));
  for (const auto& [layer, numbers] : read) {
    if (numbers.size() != 2)
      return absl::InvalidArgumentError("state: 'uncertainty' expects two numbers per layer");
    uncertainty[layer] = {numbers[0], numbers[1]};
  }
  return absl::OkStatus();
}

// Steps are keys, which are texts in JSON.
json ToJson(const std::map<uint64_t, double>& accuracies) {
  json result = json::object();
  for (const auto& [step, accuracy] : accuracies) result[absl::StrCat(step)] = accuracy;
  return result;
}

absl::Status ReadAccuracies(const json& j, std::map<uint64_t, double>& accuracies) {
  if (!j.contains("accuracies")) return absl::OkStatus();
  std::map<std::string, double> read;
  SLUICE_RETURN_IF_ERROR(Read(j, "accuracies", read));
  for (const auto& [key, accuracy] : read) {
    uint64_t step = 0;
    if (!absl::SimpleAtoi(key, &step))
      return absl::InvalidArgumentError("state: 'accuracies' expects steps as keys");
    accuracies[step] = accuracy;
  }
  return absl::OkStatus();
}

json ToJson(const std::optional<StreamEpoch>& epoch) {
  return epoch ? json{{"number", epoch->number},
                      {"first", epoch->first},
                      {"ingested", epoch->ingested}}
               : json(nullptr);
}

absl::Status ReadStreamEpoch(const json& j, std::optional<StreamEpoch>& epoch) {
  const auto it = j.find("stream_epoch");
  if (it == j.end() || it->is_null()) return absl::OkStatus();
  StreamEpoch read;
  absl::Status status = Read(*it, "number", read.number);
  status.Update(Read(*it, "first", read.first));
  status.Update(Read(*it, "ingested", read.ingested));
  epoch = read;
  return Annotate(status, "state: 'stream_epoch'");
}

}  // namespace

std::string StateToJson(const TrainState& s) {
  return json{{"format", kFormat},
              {"step", s.step},
              {"generation", s.generation},
              {"fingerprint", s.fingerprint},
              {"gemm", s.gemm},
              {"train_seconds", s.train_seconds},
              {"in_force", ToJson(s.in_force)},
              {"agreed_next", ToJson(s.agreed_next)},
              {"decision_position", s.decision_position},
              {"group_steps", s.group_steps},
              {"temperatures", s.temperatures},
              {"uncertainty", ToJson(s.uncertainty)},
              {"head_entropies", s.head_entropies},
              {"healthy_step", s.healthy_step},
              {"probes_calm", s.probes_calm},
              {"accuracies", ToJson(s.accuracies)},
              {"stream_epoch", ToJson(s.stream_epoch)},
              {"class_names", s.class_names},
              {"mean", s.mean},
              {"std", s.std},
              {"config", s.config_toml}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<TrainState> StateFromJson(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return absl::InvalidArgumentError("state is not a JSON object");
  uint32_t format = 0;
  SLUICE_RETURN_IF_ERROR(Read(j, "format", format));
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("state has format ", format, ", expected ", kFormat));
  }
  TrainState s;
  SLUICE_RETURN_IF_ERROR(Read(j, "step", s.step));
  SLUICE_RETURN_IF_ERROR(Read(j, "generation", s.generation));
  SLUICE_RETURN_IF_ERROR(Read(j, "fingerprint", s.fingerprint));
  SLUICE_RETURN_IF_ERROR(Read(j, "train_seconds", s.train_seconds));
  SLUICE_RETURN_IF_ERROR(ReadDirective(j, "in_force", s.in_force));
  SLUICE_RETURN_IF_ERROR(ReadDirective(j, "agreed_next", s.agreed_next));
  SLUICE_RETURN_IF_ERROR(Read(j, "decision_position", s.decision_position));
  SLUICE_RETURN_IF_ERROR(Read(j, "group_steps", s.group_steps));
  // Older checkpoints have none of these.
  if (j.contains("gemm")) SLUICE_RETURN_IF_ERROR(Read(j, "gemm", s.gemm));
  if (j.contains("healthy_step")) SLUICE_RETURN_IF_ERROR(Read(j, "healthy_step", s.healthy_step));
  if (j.contains("probes_calm")) SLUICE_RETURN_IF_ERROR(Read(j, "probes_calm", s.probes_calm));
  if (j.contains("temperatures")) SLUICE_RETURN_IF_ERROR(Read(j, "temperatures", s.temperatures));
  SLUICE_RETURN_IF_ERROR(ReadUncertainty(j, s.uncertainty));
  SLUICE_RETURN_IF_ERROR(ReadAccuracies(j, s.accuracies));
  if (j.contains("head_entropies"))
    SLUICE_RETURN_IF_ERROR(Read(j, "head_entropies", s.head_entropies));
  SLUICE_RETURN_IF_ERROR(ReadStreamEpoch(j, s.stream_epoch));
  SLUICE_RETURN_IF_ERROR(Read(j, "class_names", s.class_names));
  SLUICE_RETURN_IF_ERROR(Read(j, "mean", s.mean));
  SLUICE_RETURN_IF_ERROR(Read(j, "std", s.std));
  SLUICE_RETURN_IF_ERROR(Read(j, "config", s.config_toml));
  return s;
}

}  // namespace sluice::checkpoint
