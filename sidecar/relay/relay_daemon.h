#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/security/guard.h"
#include "sidecar/daemon/daemon_options.h"
#include "sidecar/daemon/grpc_server.h"
#include "sidecar/daemon/port_line.h"
#include "sidecar/http/http_server.h"
#include "sidecar/ingest/telemetry_service.h"
#include "sidecar/relay/relay.h"

namespace sluice::sidecar {

// The whole of a relay: it takes ranks' streams as a sidecar does and keeps nothing. Start and Stop
// from one thread.
class RelayDaemon {
 public:
  // Everything is up when it returns, whether the upstream answers or not. An error is one line for
  // the user.
  static absl::StatusOr<std::unique_ptr<RelayDaemon>> Start(const DaemonOptions& options);
  ~RelayDaemon();

  // Ranks' streams end with UNAVAILABLE; what was not acknowledged stays with them.
  void Stop();

  // As Daemon's.
  std::string PortLine() const { return sidecar::PortLine(grpc_->address(), http_->address()); }

 private:
  RelayDaemon(const DaemonOptions& options, const RelayOptions& relay,
              std::unique_ptr<security::Guard> guard);
  absl::Status StartServers();
  HttpPages Pages();
  std::string Metrics() const;
  bool IsAlive() const;
  std::string WhyNotReady() const;

  const DaemonOptions options_;
  const std::unique_ptr<security::Guard> guard_;
  Relay relay_;
  TelemetryService telemetry_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace sluice::sidecar
