#include "common/directive.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxStep = uint64_t{1} << 62;

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

// A whole number in [0, max]; the library would convert -1, 1.5 or too large ones silently.
uint64_t Whole(const json& parent, const char* key, uint64_t max) {
  const json& value = parent.at(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > max) {
    throw std::invalid_argument(
        absl::StrCat(key, " is ", value.dump(), ", expected a whole number in [0, ", max, "]"));
  }
  return value.get<uint64_t>();
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
  // Bounds of sense: a breaker has five rungs, a step is far from where arithmetic wraps.
  if (directive.breaker_level > 100) {
    return absl::InvalidArgumentError(
        absl::StrCat("breaker_level is ", directive.breaker_level, ", expected at most 100"));
  }
  if (directive.based_on_step > kMaxStep) {
    return absl::InvalidArgumentError(absl::StrCat("based_on_step is ", directive.based_on_step,
                                                   ", expected at most ", kMaxStep));
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
  constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
  constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();
  try {
    Directive d;
    d.run = parsed.at("run").get<std::string>();
    d.version = Whole(parsed, "version", kMax64);
    for (const json& e : parsed.at("layers")) {
      d.layers.push_back({static_cast<uint32_t>(Whole(e, "layer", kMax32)),
                          e.at("threshold").get<double>(), e.at("target_rate").get<double>()});
    }
    for (const json& e : parsed.at("group_scales")) {
      d.group_scales.push_back({e.at("group").get<std::string>(), e.at("scale").get<double>()});
    }
    d.rehearsal_share = parsed.at("rehearsal_share").get<double>();
    d.breaker_action = static_cast<BreakerAction>(Whole(parsed, "breaker_action", kMax32));
    d.breaker_level = static_cast<uint32_t>(Whole(parsed, "breaker_level", kMax32));
    d.reason = parsed.at("reason").get<std::string>();
    d.based_on_step = Whole(parsed, "based_on_step", kMax64);
    return d;
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("directive: ", e.what()));
  }
}

}  // namespace sluice
