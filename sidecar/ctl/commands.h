#pragma once

#include "absl/status/status.h"
#include "sidecar/ctl/arguments.h"
#include "sidecar/ctl/output.h"

namespace sluice::ctl {

// Does what the command line asks for. An error is one line for the user.
absl::Status RunCommand(const Arguments& arguments, Output* output);

// What the process exits with: 0 done, 2 wrong usage, 3 not found, 4 the sidecar is not reachable
// or did not answer in time, 1 anything else.
int ExitCode(const absl::Status& status);

}  // namespace sluice::ctl
