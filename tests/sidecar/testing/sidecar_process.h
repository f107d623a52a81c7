#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace sluice::sidecar::testing {

// A folder of its own for one test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Waits at most ten seconds for the process to end. Its exit code, 128 + signal, or -1.
int WaitForExit(pid_t pid);

// A real sluice-sidecar on free ports. Killed at the end if it still runs.
class SidecarProcess {
 public:
  // Returns once it listens; fails the test if it does not within ten seconds.
  explicit SidecarProcess(const std::string& state, std::vector<std::string> more = {});
  ~SidecarProcess();

  void Kill();      // SIGKILL, and waits.
  int Terminate();  // SIGTERM, and the exit code.
  const std::string& grpc() const { return grpc_; }
  const std::string& http() const { return http_; }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::string grpc_;
  std::string http_;
};

// Starts the binary with these arguments, its standard error in `error_file`.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& error_file);

// Body of a GET on HOST:PORT; "" if the status is not 200.
std::string HttpGet(const std::string& address, const std::string& path);

}  // namespace sluice::sidecar::testing
