#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/options.h"
#include "common/security/guard.h"
#include "common/security/tls_config.h"
#include "sidecar/ingest/stream_list.h"

namespace sluice::sidecar {

// Who may come in, and how much of it.
struct AccessOptions {
  security::ServerTls tls;
  std::string tokens;  // File; empty: there are none.
  security::ServerTls http_tls;
  std::string http_token_file;   // Empty: everybody may look.
  bool insecure_listen = false;  // Other machines may come without TLS.
  int64_t audit_bytes = 16 << 20;
  int64_t audit_files = 8;
  int64_t message_bytes = 1 << 20;
  int64_t streams = 8192;
  int64_t streams_per_peer = 4096;
  int64_t lanes = 1024;
  int64_t watches = 256;
  double hello_seconds = 10.0;
  double handshake_seconds = 20.0;
  double messages_per_second = 10000.0;
  double changes_per_minute = 600.0;

  StreamLimits Streams() const;
  // With the audit log in the folder `state`.
  security::GuardOptions Guard(const std::string& state) const;
};

void DefineAccessOptions(OptionSet& set, AccessOptions& access);

// OK if `listen` is an address of this machine alone, or protected, or knowingly open.
// INVALID_ARGUMENT that names the option otherwise. Files are read where they are used.
absl::Status CheckAccess(const AccessOptions& access, const std::string& listen);

}  // namespace sluice::sidecar
