#include "worker/model/adapter_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/bad_value.h"
#include "common/status.h"

namespace sluice::model {
namespace {

using nlohmann::json;

constexpr char kInput[] = "fc2";  // The layer whose input IA³ scales.

// What PEFT may say about a layer that Sluice has no word for.
absl::Status RefuseForeign(const json& j) {
  for (const char* key : {"use_dora", "use_rslora", "fan_in_fan_out", "lora_bias"}) {
    const auto it = j.find(key);
    if (it != j.end() && it->is_boolean() && it->get<bool>()) return BadValue(key, "true", "false");
  }
  for (const char* key : {"rank_pattern", "alpha_pattern", "layers_to_transform"}) {
    const auto it = j.find(key);
    if (it != j.end() && !it->is_null() && !it->empty())
      return BadValue(key, it->dump(), "nothing");
  }
  const auto bias = j.find("bias");
  if (bias != j.end() && *bias != "none") return BadValue("bias", bias->dump(), "none");
  return absl::OkStatus();
}

// A target as PEFT writes it, with or without the path before it.
std::string LastPart(const std::string& target) { return target.substr(target.rfind('.') + 1); }

}  // namespace

bool AdapterConfig::has(const std::string& target) const {
  return kind != AdapterKind::kNone &&
         std::find(targets.begin(), targets.end(), target) != targets.end();
}

const std::vector<std::string>& AdapterKindNames() {
  static const std::vector<std::string> names = {"none", "lora", "ia3"};
  return names;
}

absl::StatusOr<AdapterKind> ParseAdapterKind(const std::string& name) {
  return ParseName<AdapterKind>("adapters.kind", AdapterKindNames(), name);
}

const std::vector<std::string>& AdapterTargetNames() {
  static const std::vector<std::string> names = {"qkv", "proj", "fc1", "fc2"};
  return names;
}

std::string AdapterTargetPath(const std::string& target) {
  return absl::StrCat(target == "qkv" || target == "proj" ? "attn." : "mlp.", target);
}

absl::Status ValidateAdapterConfig(const AdapterConfig& config) {
  const std::string given = absl::StrJoin(config.targets, ",");
  const std::vector<std::string>& known = AdapterTargetNames();
  std::set<std::string> seen;
  for (const std::string& target : config.targets) {
    if (std::find(known.begin(), known.end(), target) == known.end())
      return BadValue("adapters.targets", given, "of " + absl::StrJoin(known, ", "));
    if (!seen.insert(target).second) return BadValue("adapters.targets", given, "each layer once");
  }
  if (seen.empty()) return BadValue("adapters.targets", given, "of " + absl::StrJoin(known, ", "));
  return absl::OkStatus();
}

std::string AdapterConfigToJson(const AdapterConfig& config) {
  // With their place in the block: PEFT takes a plain "proj" for patch_embed.proj, too.
  std::vector<std::string> places;
  for (const std::string& target : config.targets) places.push_back(AdapterTargetPath(target));
  json j = {{"peft_type", config.kind == AdapterKind::kLora ? "LORA" : "IA3"},
            {"task_type", nullptr},
            {"inference_mode", true},
            {"target_modules", places},
            {"modules_to_save", {"head"}}};
  if (config.kind == AdapterKind::kLora) {
    j["r"] = config.rank;
    j["lora_alpha"] = config.alpha;
    j["lora_dropout"] = 0.0;
    j["bias"] = "none";
  } else {
    j["feedforward_modules"] = config.has(kInput)
                                   ? std::vector<std::string>{AdapterTargetPath(kInput)}
                                   : std::vector<std::string>{};
  }
  return j.dump(2) + "\n";
}

absl::StatusOr<AdapterConfig> AdapterConfigFromJson(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return absl::InvalidArgumentError("the adapter's configuration is no JSON");
  AdapterConfig config;
  try {
    const std::string kind = j.at("peft_type").get<std::string>();
    if (kind != "LORA" && kind != "IA3") return BadValue("peft_type", kind, "LORA or IA3");
    config.kind = kind == "LORA" ? AdapterKind::kLora : AdapterKind::kIa3;
    SLUICE_RETURN_IF_ERROR(RefuseForeign(j));
    config.targets.clear();
    for (const auto& target : j.at("target_modules"))
      config.targets.push_back(LastPart(target.get<std::string>()));
    if (config.kind == AdapterKind::kLora) {
      config.rank = j.at("r").get<int64_t>();
      config.alpha = j.at("lora_alpha").get<double>();
    } else {
      for (const auto& target : j.at("feedforward_modules")) {
        const std::string name = LastPart(target.get<std::string>());
        if (name != kInput) return BadValue("feedforward_modules", name, kInput);
      }
      if (config.has(kInput) && j.at("feedforward_modules").empty())
        return BadValue("feedforward_modules", "empty", kInput);
    }
  } catch (const json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("the adapter's configuration: ", e.what()));
  }
  // The order in which PEFT lists them says nothing.
  std::sort(config.targets.begin(), config.targets.end());
  if (config.kind == AdapterKind::kLora && config.rank < 1)
    return BadValue("r", absl::StrCat(config.rank), "at least 1");
  SLUICE_RETURN_IF_ERROR(ValidateAdapterConfig(config));
  return config;
}

}  // namespace sluice::model
