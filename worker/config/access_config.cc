#include "worker/config/access_config.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/security/server_access.h"
#include "common/security/tls_config.h"
#include "common/status.h"

namespace sluice::config {

void DefineAccessOptions(OptionSet& o, AccessConfig& c) {
  security::DefineClientTls(o, "telemetry.tls.", "telemetry.token-file", c.sidecar);
  security::DefineServerTls(o, "worker.tls.", c.service);
  o.Text("worker.tokens", &c.tokens,
         "File with a line ROLE TOKEN [RUN] for each token of the rank's service");
}

absl::Status ValidateAccessConfig(const AccessConfig& config, const std::string& sidecar,
                                  const std::string& listen) {
  if (config.sidecar.given() && (sidecar == "spawn" || sidecar == "off")) {
    return BadValue("sidecar", sidecar, "HOST:PORT beside telemetry.tls. and telemetry.token-file");
  }
  const bool protects = config.service.on() || !config.tokens.empty();
  if (protects && listen == "off") {
    return BadValue("worker.listen", listen, "auto or HOST:PORT beside worker.tls. and .tokens");
  }
  return absl::OkStatus();
}

security::ServerAccess ServiceAccess(const AccessConfig& config, const std::string& folder,
                                     int rank) {
  security::ServerAccess access;
  access.tls = config.service;
  access.guard.certificates = !access.tls.client_ca.empty();
  access.guard.token_file = config.tokens;
  access.guard.audit_path =
      (std::filesystem::path(folder) / absl::StrCat("audit.rank", rank, ".jsonl")).string();
  return access;
}

}  // namespace sluice::config
