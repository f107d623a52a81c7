#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/options.h"
#include "common/security/tls.h"

namespace sluice::sidecar {

// What makes a relay of a sidecar, and how it reaches its upstream.
struct RelaySettings {
  std::string upstream;     // HOST:PORT; "": this sidecar keeps the runs itself.
  security::ClientTls tls;  // Options upstream.
  double hold_seconds = 0.5;
  double stall_seconds = 10.0;

  bool on() const { return !upstream.empty(); }
};

void DefineRelayOptions(OptionSet& set, RelaySettings& relay);

// OK, or INVALID_ARGUMENT: no address, or an option among those that were `given` that a relay has
// no use for, or that has none without a relay.
absl::Status CheckRelay(const RelaySettings& relay, const std::vector<std::string>& given);

// INVALID_ARGUMENT if a relay that listens on `listen` would call itself.
absl::Status CheckNotItself(const RelaySettings& relay, const std::string& listen);

}  // namespace sluice::sidecar
