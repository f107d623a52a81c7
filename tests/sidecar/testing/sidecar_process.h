#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar::testing {

// Waits at most ten seconds for the process to end. Its exit code, 128 + signal, or -1.
int WaitForExit(pid_t pid);

// What a start differs in from the plain one.
struct Launch {
  std::string binary = SLUICE_SIDECAR_BINARY;
  std::vector<std::string> before;       // A program and its arguments that becomes the sidecar.
  std::vector<std::string> environment;  // NAME=VALUE beside our own.
  std::string host = "127.0.0.1";
  std::string grpc_port = "0";
};

// A real sluice-sidecar on free ports. Killed at the end if it still runs.
class SidecarProcess {
 public:
  // Returns once it listens; fails the test if it does not within ten seconds.
  explicit SidecarProcess(const std::string& state, std::vector<std::string> more = {},
                          const Launch& launch = {});
  ~SidecarProcess();

  void Kill();          // SIGKILL, and waits.
  int Terminate();      // SIGTERM, and the exit code.
  bool WaitForDeath();  // Without our doing, within ten seconds.
  const std::string& grpc() const { return grpc_; }
  const std::string& http() const { return http_; }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::string grpc_;
  std::string http_;
};

// Starts the binary with these arguments, its standard error in `error_file`.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& error_file,
            const Launch& launch = {});

// Reads /metrics until `text` is part of it, at most ten seconds, and returns what was read last:
// what a rank is told may come a moment before the view that shows it.
std::string WaitForMetric(const std::string& address, const std::string& text);

}  // namespace sluice::sidecar::testing
