#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/host_port.h"
#include "common/security/tls.h"
#include "sidecar/http/page_routes.h"

namespace sluice::sidecar {

class DrainingServer;
class TlsFront;

// What is shown; each is called on a thread of the server and must not block.
struct HttpPages {
  std::function<std::string()> metrics;
  ViewSource view;
  std::function<bool()> healthy;
  std::function<std::string()> why_not_ready;  // "" if it is ready.
};

// Who may look.
struct HttpAccess {
  security::ServerTls tls{};  // Options http.tls.
  std::string token_file{};   // Empty: everybody may.
};

// Serves /metrics, /healthz, /readyz, the status page / and what it lives on (README.md).
// With a token, all but /healthz and /readyz ask for it. Thread-safe.
class HttpServer {
 public:
  // Listens when it returns. An error names the address and the system's reason.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HostPort& address, HttpPages pages,
                                                           const HttpAccess& access = {});
  ~HttpServer();
  // Answers under way are still sent; idle connections and those of events end at once.
  void Stop();
  // The address with the port that was chosen.
  const HostPort& address() const { return address_; }

 private:
  explicit HttpServer(const ViewSource& view);
  void Route(HttpPages pages);
  void AskForToken(const std::string& file);
  absl::Status Listen(const HostPort& address);

  EventFeed events_;
  std::unique_ptr<DrainingServer> server_;
  std::unique_ptr<TlsFront> front_;  // Null: no TLS.
  HostPort address_;
  std::thread thread_;
};

}  // namespace sluice::sidecar
