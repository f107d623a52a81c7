#pragma once

#include "common/security/guard.h"
#include "common/security/tls.h"

namespace sluice::security {

// How a server is protected.
struct ServerAccess {
  ServerTls tls{};
  GuardOptions guard{};
};

}  // namespace sluice::security
