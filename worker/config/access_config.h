#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/options.h"
#include "common/security/tls.h"

namespace sluice::security {
struct ServerAccess;
}

namespace sluice::config {

// How the sidecar is reached, and who may call the rank's own service.
struct AccessConfig {
  security::ClientTls sidecar;
  security::ServerTls service;
  std::string tokens;  // File; empty: there are none.
};

void DefineAccessOptions(OptionSet& options, AccessConfig& config);

// OK if the values fit each other, the sidecar's address and the service's; INVALID_ARGUMENT that
// names key, value and what was expected. The files are read where they are used.
absl::Status ValidateAccessConfig(const AccessConfig& config, const std::string& sidecar,
                                  const std::string& listen);

// Of the service of a rank whose run writes into `folder`.
security::ServerAccess ServiceAccess(const AccessConfig& config, const std::string& folder,
                                     int rank);

}  // namespace sluice::config
