#pragma once

#include "common/security/tls.h"

namespace sluice::telemetry {

// How this process reaches its sidecar: it trains one run, which has one. To be set before the
// first publisher starts; without it there is neither TLS nor a token. Thread-safe.
void SetSidecarAccess(const security::ClientTls& tls);
security::ClientTls SidecarAccess();

}  // namespace sluice::telemetry
