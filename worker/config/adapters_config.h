#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/options.h"
#include "worker/model/adapter_config.h"

namespace sluice::config {

// Adapters, as read from flags, environment and file.
struct AdaptersConfig {
  std::string kind = "none";
  int64_t rank = 8;
  double alpha = 16.0;
  std::vector<std::string> targets = {"qkv"};
  bool only = true;
  std::string init;  // Folder of adapters to start from, in PEFT's layout.
};

void DefineAdapterOptions(OptionSet& options, AdaptersConfig& config);

// As ValidateTrainConfig.
absl::Status ValidateAdaptersConfig(const AdaptersConfig& config);

// The configuration must be valid.
model::AdapterConfig ResolveAdapters(const AdaptersConfig& config);

}  // namespace sluice::config
