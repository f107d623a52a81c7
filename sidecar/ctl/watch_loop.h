#pragma once

#include <signal.h>

#include "absl/status/status.h"
#include "sidecar/ctl/arguments.h"
#include "sidecar/ctl/client.h"
#include "sidecar/ctl/output.h"

namespace sluice::ctl {

// Blocks the signals that end a watch in an orderly way, in this thread and those that it starts
// later, and returns them. To be called before the first channel is made.
sigset_t BlockEndSignals();

// Prints a run's updates, over each other on a terminal and line by line elsewhere, until it ends,
// `arguments.count` are printed, one of `signals` arrives, or nobody reads the output: all of these
// are OK. An error is one line for the user.
absl::Status WatchRun(const Arguments& arguments, const sigset_t& signals, Client* client,
                      Output* output);

}  // namespace sluice::ctl
