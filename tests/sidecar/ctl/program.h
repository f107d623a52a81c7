#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/file_descriptor.h"

namespace sluice::ctl {

// A program that ran to its end.
struct Finished {
  int code = -1;  // Exit code, 128 + signal, or -1 if it had to be killed.
  std::string out;
  std::string err;
};

// A child process whose output is read through pipes. Waits are bounded by 30 seconds: Python on a
// busy machine is slow. No variable SLUICE_* of the surroundings reaches it. Not thread-safe.
class Program {
 public:
  // `arguments[0]` is the binary; `variables` are NAME=VALUE. `out_file`: where standard output
  // goes instead of the pipe.
  explicit Program(std::vector<std::string> arguments, std::vector<std::string> variables = {},
                   const std::string& out_file = "");
  // Kills it if it still runs.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The next line of standard output, without its end. Nothing if there is none in time.
  std::optional<std::string> ReadLine();
  // Closes our end of its standard output.
  void StopReading();
  void Signal(int signal) const;
  // Waits for its end; `out` is what ReadLine has not returned.
  Finished Wait();

 private:
  pid_t pid_ = -1;
  FileDescriptor out_;
  FileDescriptor err_;
  std::string read_;
};

// Runs sluicectl with these arguments to its end.
Finished RunCtl(std::vector<std::string> arguments, std::vector<std::string> variables = {});
// `arguments` after the binary's path.
std::vector<std::string> CtlCommand(std::vector<std::string> arguments);

}  // namespace sluice::ctl
