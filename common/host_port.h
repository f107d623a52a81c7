#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice {

// An address to listen on or to call. An IPv6 address is written in brackets.
struct HostPort {
  std::string host;
  uint16_t port = 0;

  std::string ToString() const;
};

// Parses "HOST:PORT", port 0 to 65535. INVALID_ARGUMENT that names the value otherwise.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

}  // namespace sluice
