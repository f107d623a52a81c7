#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/daemon/access_options.h"
#include "sidecar/engine/steering.h"
#include "sidecar/relay/relay_settings.h"
#include "sidecar/store/store.h"

namespace sluice::sidecar {

// What the command line asks for.
struct DaemonOptions {
  std::string listen = "127.0.0.1:50551";
  std::string http = "127.0.0.1:9464";
  std::string state = "sluice-state";
  std::string json;  // File for the line with the chosen ports; "-" is standard output.
  std::string log_level = "info";
  bool reflection = false;
  int64_t stuck_seconds = 10;  // Without a round of the event loop: then it is not alive.
  int64_t stop_seconds = 10;   // Until it ends after SIGTERM, whatever is stuck.
  StoreOptions store;
  AccessOptions access;
  RelaySettings relay;
  PolicyOptions policy;
};

// Reads the arguments without the program's name into `options`. False: help, the version or the
// values in force (--print-config) were printed. INVALID_ARGUMENT: one line for the user.
absl::StatusOr<bool> ParseDaemonOptions(const std::vector<std::string>& arguments,
                                        DaemonOptions& options);

}  // namespace sluice::sidecar
