#pragma once

#include <cstdint>
#include <string>

#include "common/options.h"
#include "worker/gate/footprint.h"

namespace sluice::config {

// The footprint gate, as read from flags, environment and file.
struct FootprintConfig {
  double rate = 1.0;
  std::string scorer = "attention";
  int64_t every = 10;
  bool rest = true;
};

void DefineFootprintOptions(OptionSet& options, FootprintConfig& config);

// The configuration must be valid.
gate::FootprintSettings ResolveFootprint(const FootprintConfig& config);

}  // namespace sluice::config
