#include "common/directive.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

using nlohmann::json;

absl::Status InRange(const std::string& field, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", expected a number in [", low, ", ", high, "]"));
}

absl::Status ValidateLayers(const Directive& directive, const std::vector<uint32_t>& layers) {
  if (directive.layers.size() != layers.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("layers has ", directive.layers.size(),
                     " entries, expected one per gate layer: ", layers.size()));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerDirective& entry = directive.layers[i];
    const std::string field = absl::StrCat("layers[", i, "]");
    if (entry.layer != layers[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".layer is ", entry.layer, ", expected gate layer ", layers[i]));
    }
    if (auto s = InRange(field + ".threshold", entry.threshold, 0.0, 1.0); !s.ok()) return s;
    if (auto s = InRange(field + ".target_rate", entry.target_rate, 0.0, 1.0); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateDirective(const Directive& directive, const std::vector<uint32_t>& layers) {
  if (auto s = ValidateLayers(directive, layers); !s.ok()) return s;
  for (const GroupScale& entry : directive.group_scales) {
    if (auto s = InRange(absl::StrCat("group_scales['", entry.group, "']"), entry.scale, 1.0, 5.0);
        !s.ok())
      return s;
  }
  if (auto s = InRange("rehearsal_share", directive.rehearsal_share, 0.0, 0.999); !s.ok()) return s;
  const auto action = static_cast<uint32_t>(directive.breaker_action);
  if (action < 1 || action > 5) {
    return absl::InvalidArgumentError(
        absl::StrCat("breaker_action is ", action, ", expected 1 to 5"));
  }
  return absl::OkStatus();
}

std::string DirectiveToJson(const Directive& directive) {
  json layers = json::array();
  for (const LayerDirective& entry : directive.layers) {
    layers.push_back({{"layer", entry.layer},
                      {"threshold", entry.threshold},
                      {"target_rate", entry.target_rate}});
  }
  json scales = json::array();
  for (const GroupScale& entry : directive.group_scales) {
    scales.push_back({{"group", entry.group}, {"scale", entry.scale}});
  }
  return json{{"run", directive.run},
              {"version", directive.version},
              {"layers", layers},
              {"group_scales", scales},
              {"rehearsal_share", directive.rehearsal_share},
              {"breaker_action", static_cast<uint32_t>(directive.breaker_action)},
              {"breaker_level", directive.breaker_level},
              {"reason", directive.reason},
              {"based_on_step", directive.based_on_step}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<Directive> DirectiveFromJson(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError("directive is not a JSON object");
  }
  try {
    Directive d;
    d.run = parsed.at("run").get<std::string>();
    d.version = parsed.at("version").get<uint64_t>();
    for (const json& e : parsed.at("layers")) {
      d.layers.push_back({e.at("layer").get<uint32_t>(), e.at("threshold").get<double>(),
                          e.at("target_rate").get<double>()});
    }
    for (const json& e : parsed.at("group_scales")) {
      d.group_scales.push_back({e.at("group").get<std::string>(), e.at("scale").get<double>()});
    }
    d.rehearsal_share = parsed.at("rehearsal_share").get<double>();
    d.breaker_action = static_cast<BreakerAction>(parsed.at("breaker_action").get<uint32_t>());
    d.breaker_level = parsed.at("breaker_level").get<uint32_t>();
    d.reason = parsed.at("reason").get<std::string>();
    d.based_on_step = parsed.at("based_on_step").get<uint64_t>();
    return d;
  } catch (const json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("directive: ", e.what()));
  }
}

}  // namespace sluice
