#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/host_port.h"
#include "common/security/tls_config.h"
#include "sidecar/daemon/access_options.h"

namespace sluice::sidecar {

struct GrpcSettings {
  bool reflection = false;
  security::ServerTls tls;
  bool tokens = false;  // A client may come with one in place of a certificate.
  int message_bytes = 1 << 20;
  std::chrono::milliseconds handshake{20000};
  int calls_per_connection = 4096;
};

GrpcSettings SettingsOf(const AccessOptions& access, bool reflection);

// The gRPC server with both services, health and, if wanted, reflection. Thread-safe.
class GrpcServer {
 public:
  // Listens when it returns. The services must outlive the server; a relay has no `runs`. An error
  // names the address.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const HostPort& address,
                                                           const GrpcSettings& settings,
                                                           grpc::Service* telemetry,
                                                           grpc::Service* runs = nullptr);
  // The health service says SERVING or NOT_SERVING, for the server and for each service.
  void SetServing(bool serving);
  // Waits for calls to end, and cancels at the deadline those that have not.
  void Shutdown(std::chrono::steady_clock::time_point deadline);
  // The address with the port that was chosen.
  const HostPort& address() const { return address_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> services_ = {"", "sluice.v1.Telemetry"};  // Names that health knows.
  HostPort address_;
};

}  // namespace sluice::sidecar
