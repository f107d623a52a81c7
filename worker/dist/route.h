#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::dist {

// This machine's address on the way to `host` (a name or an address), as text: the one under which
// whoever can be reached there reaches this machine. Nothing is sent. UNAVAILABLE with the host's
// name if there is no way.
absl::StatusOr<std::string> AddressTowards(const std::string& host, uint16_t port);

}  // namespace sluice::dist
