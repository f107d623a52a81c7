#include "worker/telemetry/sidecar_access.h"

#include <mutex>

namespace sluice::telemetry {
namespace {

struct Kept {
  std::mutex mutex;
  security::ClientTls tls;
};

Kept& TheOne() {
  static auto* const kept = new Kept;
  return *kept;
}

}  // namespace

void SetSidecarAccess(const security::ClientTls& tls) {
  const std::lock_guard<std::mutex> lock(TheOne().mutex);
  TheOne().tls = tls;
}

security::ClientTls SidecarAccess() {
  const std::lock_guard<std::mutex> lock(TheOne().mutex);
  return TheOne().tls;
}

}  // namespace sluice::telemetry
