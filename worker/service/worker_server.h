#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/host_port.h"
#include "common/security/server_access.h"
#include "worker/ingest/intake.h"
#include "worker/service/command_board.h"

namespace sluice::service {

// First port of the worker's service; local rank N listens N above it.
inline constexpr uint16_t kFirstPort = 50560;

// Where images go that IngestImages brings.
struct IngestPlace {
  ingest::Intake* intake = nullptr;                        // Outlives the server.
  std::string why = "ingest.enabled is off, expected on";  // Without an intake: there is none.
};

// The gRPC service sluice.v1.Worker of one rank. What is asked goes to a CommandBoard; how that is
// obeyed is the training thread's. Thread-safe.
class WorkerServer {
 public:
  // Listens as `listen` says: `auto` is 127.0.0.1:kFirstPort + local_rank, or a free port if that
  // is taken; HOST:PORT is PORT + local_rank, and port 0 a free one. The board outlives the server.
  // INVALID_ARGUMENT for an address outside of the loopback range without TLS: whoever reaches the
  // service may stop the run. UNAVAILABLE if the port is taken.
  static absl::StatusOr<std::unique_ptr<WorkerServer>> Start(
      const std::string& listen, int local_rank, CommandBoard* board,
      const IngestPlace& ingest = {}, const security::ServerAccess& access = {});
  // Ends streams of images. Gives calls that the board has not answered two seconds for it, then
  // cancels them.
  ~WorkerServer();

  const HostPort& address() const { return address_; }

 private:
  struct Server;
  WorkerServer();

  std::unique_ptr<Server> server_;
  HostPort address_;
};

}  // namespace sluice::service
