#include "sidecar/relay/relay_settings.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/security/loopback.h"
#include "common/security/tls_config.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

// Beginnings of options of what a relay leaves to its upstream. `state` is not here: images name a
// folder for it, which a relay does not touch.
constexpr const char* kUpstreams[] = {
    "threshold.",  "guard.", "breaker.",       "dormant.",
    "history.",    "audit.", "limits.watches", "limits.changes-per-minute",
    "limits.lanes"};

bool IsForUpstream(const std::string& option) {
  for (const char* beginning : kUpstreams) {
    if (absl::StartsWith(option, beginning)) return true;
  }
  return false;
}

}  // namespace

void DefineRelayOptions(OptionSet& set, RelaySettings& relay) {
  set.Text("relay", &relay.upstream,
           "be a relay: pass everything on to the sidecar at HOST:PORT, keep no state and decide "
           "nothing");
  security::DefineClientTls(set, "upstream.tls.", "upstream.token-file", relay.tls);
  set.Number("upstream.hold-seconds", &relay.hold_seconds, 0.0, 5.0,
             "how long a relay lets a snapshot inside a window wait for company");
  set.Number("upstream.stall-seconds", &relay.stall_seconds, 0.1, 3600.0,
             "silence of the sidecar that owes an answer, after which a relay connects anew");
}

absl::Status CheckRelay(const RelaySettings& relay, const std::vector<std::string>& given) {
  for (const std::string& option : given) {
    if (!relay.on() && absl::StartsWith(option, "upstream.")) {
      return absl::InvalidArgumentError(
          absl::StrCat(option, " is given, expected relay beside it"));
    }
    if (relay.on() && IsForUpstream(option)) {
      return absl::InvalidArgumentError(
          absl::StrCat(option, " is given, expected none beside relay: it is for the sidecar at ",
                       relay.upstream));
    }
  }
  if (!relay.on()) return absl::OkStatus();
  const absl::StatusOr<HostPort> upstream = ParseHostPort(relay.upstream);
  SLUICE_RETURN_IF_ERROR(Annotate(upstream.status(), "relay"));
  if (upstream->port != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("relay: '", relay.upstream, "' has port 0, expected one in [1, 65535]"));
}

absl::Status CheckNotItself(const RelaySettings& relay, const std::string& listen) {
  SLUICE_ASSIGN_OR_RETURN(const HostPort upstream, ParseHostPort(relay.upstream));
  SLUICE_ASSIGN_OR_RETURN(const HostPort own, ParseHostPort(listen));
  const bool everywhere = own.host == "0.0.0.0" || own.host == "::" || own.host == "[::]";
  const bool near = security::IsLoopback(upstream.host) && security::IsLoopback(own.host);
  const bool same =
      upstream.host == own.host || near || (everywhere && security::IsLoopback(upstream.host));
  if (upstream.port != own.port || !same) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "relay: '", relay.upstream, "' is this relay itself, expected the address of a sidecar"));
}

}  // namespace sluice::sidecar
