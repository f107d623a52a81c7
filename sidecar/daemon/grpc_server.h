#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "common/host_port.h"
#include "common/security/tls_config.h"
#include "sidecar/ingest/telemetry_service.h"
#include "sidecar/runs/runs_service.h"

namespace sluice::sidecar {

struct GrpcSettings {
  bool reflection = false;
  security::ServerTls tls;
  bool tokens = false;  // A client may come with one in place of a certificate.
  int message_bytes = 1 << 20;
  std::chrono::milliseconds handshake{20000};
  int calls_per_connection = 4096;
};

// The gRPC server with both services, health and, if wanted, reflection. Thread-safe.
class GrpcServer {
 public:
  // Listens when it returns. The services must outlive the server. An error names the address.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const HostPort& address,
                                                           const GrpcSettings& settings,
                                                           TelemetryService* telemetry,
                                                           RunsService* runs);
  // The health service says SERVING or NOT_SERVING, for the server and for each service.
  void SetServing(bool serving);
  // Waits for calls to end, and cancels at the deadline those that have not.
  void Shutdown(std::chrono::steady_clock::time_point deadline);
  // The address with the port that was chosen.
  const HostPort& address() const { return address_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  HostPort address_;
};

}  // namespace sluice::sidecar
