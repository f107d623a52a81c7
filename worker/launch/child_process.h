#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"

namespace sluice::launch {

// How a process ended: by an exit code, or by a signal (then the code is -1).
struct ExitStatus {
  int code = -1;
  int signal = 0;

  bool ok() const { return code == 0; }
  // "exited with code 3", "was killed by signal 9 (Killed)".
  std::string ToString() const;
};

struct ChildOptions {
  std::string program{};                 // A path; it is not searched for in PATH.
  std::vector<std::string> arguments{};  // Without the program's name.
  // "NAME=VALUE", over the parent's environment.
  std::vector<std::string> environment{};
  // Standard output goes to ReadLine instead of the parent's.
  bool capture_stdout = false;
  // Standard input comes from WriteLine instead of the parent's; it ends with the parent.
  bool feed_stdin = false;
  // Standard error is appended to this file instead of the parent's; empty: inherited.
  std::string stderr_file{};
  // Sent to the child when its parent ends, even by SIGKILL, so that no orphan stays.
  int parent_death_signal = SIGTERM;
  // Held back until the child unblocks them: they wait for its handlers.
  std::vector<int> blocked_signals{};
};

// A child process, started by fork and exec. Between the two only async-signal-safe calls are made,
// from memory prepared before. Start children from the process's main thread, because the kernel
// sends the parent-death signal when the *thread* that forked ends, and before any gRPC object
// exists, because gRPC does not support fork. Move-only; not thread-safe.
class ChildProcess {
 public:
  // NOT_FOUND, PERMISSION_DENIED, … with the program's path if it cannot be executed.
  static absl::StatusOr<ChildProcess> Start(const ChildOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills the child with SIGKILL if it still runs, and waits for it.
  ~ChildProcess();

  pid_t pid() const { return pid_; }

  // Sends a signal. OK if the child has ended already.
  absl::Status Kill(int signal);

  // Waits for the end. DEADLINE_EXCEEDED if the child still runs after `timeout`; a timeout of 0
  // only looks. May be called again after the end.
  absl::StatusOr<ExitStatus> Wait(std::chrono::milliseconds timeout);

  // SIGTERM, then SIGKILL after `grace`; how it ended.
  absl::StatusOr<ExitStatus> Terminate(std::chrono::milliseconds grace);

  // Next line of the captured standard output, without its end. DEADLINE_EXCEEDED, or UNAVAILABLE
  // if the output ended before a whole line.
  absl::StatusOr<std::string> ReadLine(std::chrono::milliseconds timeout);

  // Puts a line, without an end of line in it, into the child's standard input. Never waits:
  // UNAVAILABLE if the child does not take it, because it has ended or lines wait already.
  absl::Status WriteLine(const std::string& line);

 private:
  ChildProcess() = default;

  pid_t pid_ = -1;  // -1: moved from.
  bool ended_ = false;
  ExitStatus exit_;
  FileDescriptor stdin_;
  FileDescriptor stdout_;
  std::string buffer_;
};

}  // namespace sluice::launch
