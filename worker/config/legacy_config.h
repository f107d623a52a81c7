#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/options.h"

namespace sluice::config {

// Probes and rehearsal of earlier domains, as read from flags, environment and file.
struct LegacyConfig {
  std::string folder;
  int64_t probe_every = 0;
  bool probe_async = false;
  int64_t probe_threads = 1;
  double probe_deadline = 300.0;  // Seconds.
  double share = 0.0;
  std::string loss = "cross_entropy";
  double alpha = 0.5;
  double beta = 0.5;
  double ewc_lambda = 0.0;
  std::string freeze = "none";
};

void DefineLegacyOptions(OptionSet& options, LegacyConfig& config);

// INVALID_ARGUMENT that names key, value and what was expected.
absl::Status ValidateLegacyConfig(const LegacyConfig& config, int64_t batch);

}  // namespace sluice::config
