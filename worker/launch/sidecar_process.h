#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/host_port.h"
#include "worker/launch/child_process.h"

namespace sluice::launch {

struct SidecarOptions {
  // Empty: `sluice-sidecar` in the folder of the running program.
  std::string program{};
  // Folder of its state.
  std::string state{};
  // Where it serves gRPC; port 0 is any free one.
  std::string listen = "127.0.0.1:0";
  // A file that its log is appended to; empty: the parent's standard error.
  std::string log{};
  // Further flags.
  std::vector<std::string> arguments{};
  std::chrono::milliseconds start_timeout{10000};
};

// A sidecar on free ports of the loopback interface, for a local run. The limits of ChildProcess
// hold. Move-only; not thread-safe. The destructor kills it.
class SidecarProcess {
 public:
  // Starts it and waits until it says where it listens. DEADLINE_EXCEEDED, or INTERNAL if it says
  // something else; it is ended then.
  static absl::StatusOr<SidecarProcess> Start(const SidecarOptions& options);

  const HostPort& grpc() const { return grpc_; }
  const HostPort& http() const { return http_; }
  ChildProcess& process() { return process_; }

  // SIGTERM, then SIGKILL after `grace`. An error unless it exited with 0.
  absl::Status Stop(std::chrono::milliseconds grace);

 private:
  SidecarProcess(ChildProcess process, HostPort grpc, HostPort http);

  ChildProcess process_;
  HostPort grpc_;
  HostPort http_;
};

// Path of `name` in the folder of the running program.
absl::StatusOr<std::string> SiblingProgram(const std::string& name);

}  // namespace sluice::launch
