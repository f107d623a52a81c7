#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/engine/steering.h"

namespace sluice::sidecar {

// What the command line asks for.
struct DaemonOptions {
  std::string listen = "127.0.0.1:50551";
  std::string http = "127.0.0.1:9464";
  std::string state = "sluice-state";
  std::string json;  // File for the line with the chosen ports; "-" is standard output.
  std::string log_level = "info";
  bool reflection = false;
  PolicyOptions policy;
};

// Reads the arguments without the program's name into `options`. False: help, the version or the
// values in force (--print-config) were printed. INVALID_ARGUMENT: one line for the user.
absl::StatusOr<bool> ParseDaemonOptions(const std::vector<std::string>& arguments,
                                        DaemonOptions& options);

}  // namespace sluice::sidecar
