#include "worker/checkpoint/state_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::checkpoint {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

json ToJson(const std::optional<Directive>& directive) {
  return directive ? json(DirectiveToJson(*directive)) : json(nullptr);
}

absl::StatusOr<std::optional<Directive>> DirectiveOf(const json& value) {
  if (value.is_null()) return std::optional<Directive>();
  SLUICE_ASSIGN_OR_RETURN(Directive directive, DirectiveFromJson(value.get<std::string>()));
  return std::optional<Directive>(std::move(directive));
}

}  // namespace

std::string StateToJson(const TrainState& s) {
  return json{{"format", kFormat},
              {"step", s.step},
              {"generation", s.generation},
              {"fingerprint", s.fingerprint},
              {"train_seconds", s.train_seconds},
              {"in_force", ToJson(s.in_force)},
              {"agreed_next", ToJson(s.agreed_next)},
              {"decision_position", s.decision_position},
              {"group_steps", s.group_steps},
              {"class_names", s.class_names},
              {"mean", s.mean},
              {"std", s.std},
              {"config", s.config_toml}}
      .dump();
}

absl::StatusOr<TrainState> StateFromJson(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return absl::InvalidArgumentError("state is not a JSON object");
  try {
    if (j.at("format").get<int>() != kFormat) {
      return absl::InvalidArgumentError(
          absl::StrCat("state has format ", j.at("format").get<int>(), ", expected ", kFormat));
    }
    TrainState s;
    s.step = j.at("step").get<uint64_t>();
    s.generation = j.at("generation").get<uint32_t>();
    s.fingerprint = j.at("fingerprint").get<std::string>();
    s.train_seconds = j.at("train_seconds").get<double>();
    SLUICE_ASSIGN_OR_RETURN(s.in_force, DirectiveOf(j.at("in_force")));
    SLUICE_ASSIGN_OR_RETURN(s.agreed_next, DirectiveOf(j.at("agreed_next")));
    s.decision_position = j.at("decision_position").get<uint64_t>();
    s.group_steps = j.at("group_steps").get<std::map<std::string, int64_t>>();
    s.class_names = j.at("class_names").get<std::vector<std::string>>();
    s.mean = j.at("mean").get<std::vector<double>>();
    s.std = j.at("std").get<std::vector<double>>();
    s.config_toml = j.at("config").get<std::string>();
    return s;
  } catch (const json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("state: ", e.what()));
  }
}

}  // namespace sluice::checkpoint
