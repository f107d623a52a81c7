#pragma once

#include <string>

#include "absl/status/status.h"
#include "sidecar/bench/bench_options.h"

namespace sluice::sidecar {

// Runs what is asked for and prints the figures. FAILED_PRECONDITION if a message was refused or
// the ledger is not what the ranks have counted.
// `program` is what it starts: a sluice-sidecar.
absl::Status RunBench(const BenchOptions& options, const std::string& program);

}  // namespace sluice::sidecar
