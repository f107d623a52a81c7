// sluicectl COMMAND [OPTIONS]: looks at the runs of a sidecar; see --help.
#include <grpc/support/log.h>
#include <signal.h>

#include <cstdio>
#include <string>
#include <vector>

#include "sidecar/ctl/arguments.h"
#include "sidecar/ctl/commands.h"
#include "sidecar/ctl/output.h"

int main(int argc, char** argv) {
  // A reader that went away is found when writing (output.h).
  ::signal(SIGPIPE, SIG_IGN);
  // What goes wrong is said once, by us.
  ::gpr_set_log_function([](gpr_log_func_args*) {});
  sluice::ctl::Arguments arguments;
  const absl::StatusOr<bool> go_on =
      sluice::ctl::ParseArguments(std::vector<std::string>(argv + 1, argv + argc), arguments);
  if (go_on.ok() && !*go_on) return 0;
  sluice::ctl::Output output(stdout);
  const absl::Status status =
      go_on.ok() ? sluice::ctl::RunCommand(arguments, &output) : go_on.status();
  if (!status.ok()) {
    std::fprintf(stderr, "sluicectl%s%s: %s\n", arguments.command.empty() ? "" : " ",
                 arguments.command.c_str(), std::string(status.message()).c_str());
  }
  return sluice::ctl::ExitCode(status);
}
