#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/options.h"
#include "worker/gate/settings.h"

namespace sluice::config {

// The gates, as read from flags, environment and file. Lists of numbers hold one value for all
// gates, or one for each.
struct GateConfig {
  std::string mode = "dense";
  bool shadow = false;
  std::vector<int64_t> layers = {1};
  std::string scorer = "random";
  double temperature = 1.0;
  std::string policy = "threshold";
  std::vector<double> thresholds = {0.0};
  std::vector<double> rates = {0.25};
  double floor = 0.0;
  double ceiling = 1.0;
  std::string budget_scope = "image";
  int64_t anneal_steps = 0;
  int64_t grow_steps = 0;
  int64_t ledger_every = 0;
  double image_theta = 0.0;
  int64_t score_ttl = 0;
  bool calibrate = false;
  std::string train_head = "auto";
  double head_lr = 1.0;

  // Gates decide in training, if only in the shadow.
  bool decides() const { return mode != "dense" || shadow; }
  double threshold(size_t gate) const { return thresholds[thresholds.size() > 1 ? gate : 0]; }
  double rate(size_t gate) const { return rates[rates.size() > 1 ? gate : 0]; }
};

void DefineGateOptions(OptionSet& options, GateConfig& config);

// As ValidateTrainConfig, for a model of `depth` blocks and a run of `steps` steps.
absl::Status ValidateGateConfig(const GateConfig& config, int64_t depth, int64_t steps);

// Gates at the start of the run. The configuration must be valid.
gate::GateSettings ResolveGates(const GateConfig& config);

}  // namespace sluice::config
