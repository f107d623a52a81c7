#include "sidecar/daemon/access_options.h"

#include <chrono>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/security/loopback.h"
#include "common/status.h"

namespace sluice::sidecar {

StreamLimits AccessOptions::Streams() const {
  StreamLimits limits;
  limits.streams = static_cast<size_t>(streams);
  limits.streams_per_peer = static_cast<size_t>(streams_per_peer);
  limits.lanes = static_cast<size_t>(lanes);
  limits.hello =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(hello_seconds));
  limits.messages_per_second = messages_per_second;
  return limits;
}

security::GuardOptions AccessOptions::Guard(const std::string& state) const {
  security::GuardOptions guard;
  guard.certificates = !tls.client_ca.empty();
  guard.token_file = tokens;
  guard.calls_per_minute = changes_per_minute;
  guard.audit_path = (std::filesystem::path(state) / "audit.jsonl").string();
  guard.audit_bytes = static_cast<uint64_t>(audit_bytes);
  guard.audit_files = audit_files;
  return guard;
}

void DefineAccessOptions(OptionSet& set, AccessOptions& access) {
  security::DefineServerTls(set, "tls.", access.tls);
  set.Text("auth.tokens", &access.tokens, "file with a line ROLE TOKEN [RUN] for each token");
  security::DefineServerTls(set, "http.tls.", access.http_tls);
  set.Text("http.token-file", &access.http_token_file,
           "file with the token that /metrics and the page ask for");
  set.Flag("insecure-listen", &access.insecure_listen,
           "let other machines come without TLS; they may look and send telemetry, not steer");
  set.Integer("audit.max-bytes", &access.audit_bytes, 4096, int64_t{1} << 40,
              "size of the audit log at which a new file is begun");
  set.Integer("audit.files", &access.audit_files, 1, 1000,
              "files of the audit log that are kept; 1: one that grows");
  set.Integer("limits.message-bytes", &access.message_bytes, 1024, 64 << 20,
              "largest message that is read");
  set.Integer("limits.streams", &access.streams, 1, 1'000'000,
              "streams of ranks and relays at a time");
  set.Integer("limits.streams-per-peer", &access.streams_per_peer, 1, 1'000'000,
              "those from one address");
  set.Integer("limits.lanes", &access.lanes, 1, 1'000'000, "ranks on one relay's stream");
  set.Integer("limits.watches", &access.watches, 1, 1'000'000, "watches of runs at a time");
  set.Number("limits.hello-seconds", &access.hello_seconds, 0.01, 3600,
             "how long a stream may say nothing before its Hello");
  set.Number("limits.handshake-seconds", &access.handshake_seconds, 0.1, 3600,
             "how long a connection may take to begin");
  set.Number("limits.messages-per-second", &access.messages_per_second, 1, 1e9,
             "messages of one rank; more are refused, by a relay delayed");
  set.Number("limits.changes-per-minute", &access.changes_per_minute, 1, 1e9,
             "calls of one caller that change something");
}

absl::Status CheckAccess(const AccessOptions& access, const std::string& listen) {
  SLUICE_ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(listen));
  if (security::IsLoopback(address.host) || access.tls.on() || access.insecure_listen) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "listen: '", listen, "' is not a loopback address, expected tls.cert and tls.key beside it, ",
      "or insecure-listen, under which other machines may look and send telemetry, not steer"));
}

}  // namespace sluice::sidecar
