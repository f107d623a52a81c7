#pragma once

#include "sidecar/bench/bench_options.h"
#include "sidecar/bench/report.h"

namespace sluice::sidecar {

// How many snapshots a second one thread merges in memory: checks, counters, windows, decisions;
// without streams and without the store.
void BenchMerge(const BenchOptions& options, Report& report);

}  // namespace sluice::sidecar
