#include "worker/config/gate_config.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/bad_value.h"
#include "common/counters.h"
#include "common/status.h"

namespace sluice::config {
namespace {

bool TrainsHead(const GateConfig& config) {
  if (config.train_head != "auto") return config.train_head == "on";
  return config.decides() &&
         (config.image_theta > 0.0 || gate::NeedsHead(gate::ParseScorer(config.scorer).value()));
}

absl::Status ValidateLayers(const GateConfig& gate, int64_t depth) {
  const std::string given = absl::StrJoin(gate.layers, ",");
  if (gate.layers.empty() || gate.layers.size() > kMaxGateLayers) {
    return BadValue("gate.layer", given, absl::StrCat("1 to ", kMaxGateLayers, " blocks"));
  }
  for (size_t k = 0; k < gate.layers.size(); ++k) {
    if (gate.layers[k] >= depth) {
      return BadValue("gate.layer", given, absl::StrCat("less than the model's depth, ", depth));
    }
    if (k > 0 && gate.layers[k] <= gate.layers[k - 1]) {
      return BadValue("gate.layer", given, "blocks in rising order");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateList(const std::string& key, const std::vector<double>& values,
                          size_t layers) {
  if (values.size() == 1 || values.size() == layers) return absl::OkStatus();
  return BadValue(key, absl::StrJoin(values, ","),
                  absl::StrCat("one value, or one for each of the ", layers, " gates"));
}

absl::Status ValidateRates(const GateConfig& gate) {
  for (size_t k = 0; k < gate.rates.size(); ++k) {
    if (gate.policy != "threshold" && gate.rates[k] <= 0.0) {
      return BadValue("gate.rate", absl::StrJoin(gate.rates, ","),
                      "above 0 under gate.policy " + gate.policy);
    }
    if (k > 0 && gate.rates[k] > gate.rates[k - 1]) {
      return BadValue("gate.rate", absl::StrJoin(gate.rates, ","),
                      "rates that do not rise: a closed token stays closed");
    }
  }
  return absl::OkStatus();
}

}  // namespace

void DefineGateOptions(OptionSet& o, GateConfig& c) {
  o.Choice("gate.mode", &c.mode, gate::ModeNames(), "What a closed token costs");
  o.Flag("gate.shadow", &c.shadow, "Train densely and report what the gates would have done");
  o.Integers("gate.layer", &c.layers, 1, 127, "Blocks after which a gate stands, from 1");
  o.Choice("gate.scorer", &c.scorer, gate::ScorerNames(), "Where the score comes from");
  o.Number("gate.temperature", &c.temperature, 0.01, 100,
           "The uncertainty head's logits are divided by it for scores");
  o.Choice("gate.policy", &c.policy, gate::PolicyNames(), "How open tokens are chosen");
  o.Numbers("gate.threshold", &c.thresholds, 0, 1, "First threshold, of each gate; 0 opens all");
  o.Numbers("gate.rate", &c.rates, 0, 1,
            "Target share of open patch tokens, of each gate; 0: none, under threshold");
  o.Number("gate.floor", &c.floor, 0, 1, "Least share of an image that threshold opens");
  o.Number("gate.ceiling", &c.ceiling, 0, 1, "Largest share of an image that threshold opens");
  o.Choice("gate.budget_scope", &c.budget_scope, {"image", "batch", "ranks"},
           "What a budget is counted over: each image, a rank's share of the batch, or that so "
           "that all ranks open equally many tokens");
  o.Integer("gate.anneal_steps", &c.anneal_steps, 0, 1'000'000'000,
            "Steps in which gates close from all open to gate.rate");
  o.Integer("gate.grow_steps", &c.grow_steps, 0, 1'000'000'000,
            "Last steps, in which they open again up to all");
  o.Integer(
      "ledger.every", &c.ledger_every, 0, 1'000'000'000,
      "Steps between measurements of what the gates save, by a dense step whose gradients are "
      "thrown away; 0: none");
  o.Number("gate.image_theta", &c.image_theta, 0, 1,
           "An image is skipped if its mean prediction at the first gate has at most this entropy "
           "over log(classes); 0: none is");
  o.Integer("gate.score_ttl", &c.score_ttl, 0, 1'000'000,
            "Epochs in which a skipped image is not looked at again; 0: it is each time");
  o.Flag("gate.calibrate", &c.calibrate,
         "Fit gate.temperature at every evaluation, on images of data.eval_split");
  o.Choice("gate.train_head", &c.train_head, {"auto", "on", "off"},
           "Train the uncertainty head; auto: if scored by");
  o.Number("gate.head_lr", &c.head_lr, 0, 1000,
           "Factor on the learning rate of the uncertainty head");
}

absl::Status ValidateGateConfig(const GateConfig& gate, int64_t depth, int64_t steps) {
  SLUICE_RETURN_IF_ERROR(ValidateLayers(gate, depth));
  SLUICE_RETURN_IF_ERROR(ValidateList("gate.threshold", gate.thresholds, gate.layers.size()));
  SLUICE_RETURN_IF_ERROR(ValidateList("gate.rate", gate.rates, gate.layers.size()));
  SLUICE_RETURN_IF_ERROR(ValidateRates(gate));
  if (gate.floor > gate.ceiling) {
    return BadValue("gate.floor", absl::StrCat(gate.floor),
                    absl::StrCat("at most gate.ceiling, ", gate.ceiling));
  }
  const bool has_head = TrainsHead(gate);
  if (gate.image_theta > 0.0 && !has_head) {
    return BadValue("gate.image_theta", absl::StrCat(gate.image_theta),
                    "0 without gates (gate.mode) or without gate.train_head");
  }
  if (gate.score_ttl > 0 && gate.image_theta <= 0.0) {
    return BadValue("gate.score_ttl", absl::StrCat(gate.score_ttl), "0 without gate.image_theta");
  }
  if (gate.calibrate && !has_head) {
    return BadValue("gate.calibrate", "true", "false where no uncertainty head is trained");
  }
  if (gate.anneal_steps + gate.grow_steps > steps) {
    return BadValue(
        "gate.anneal_steps", absl::StrCat(gate.anneal_steps),
        absl::StrCat("at most train.steps without gate.grow_steps, ", steps - gate.grow_steps));
  }
  return absl::OkStatus();
}

gate::GateSettings ResolveGates(const GateConfig& config) {
  gate::GateSettings settings;
  settings.mode = gate::ParseMode(config.mode).value();
  settings.shadow = config.shadow;
  settings.scorer = gate::ParseScorer(config.scorer).value();
  settings.image_theta = config.image_theta;
  settings.train_head = TrainsHead(config);
  for (size_t k = 0; k < config.layers.size(); ++k) {
    gate::Policy policy;
    policy.kind = gate::ParsePolicy(config.policy).value();
    policy.threshold = config.threshold(k);
    policy.rate = config.rate(k);
    policy.floor = config.floor;
    policy.ceiling = config.ceiling;
    policy.batch_budget = config.budget_scope != "image";
    settings.gates.push_back({config.layers[k], policy, config.temperature});
  }
  return settings;
}

}  // namespace sluice::config
