#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::sidecar {

// What `sluice-sidecar bench` is asked for.
struct BenchOptions {
  std::string what = "stream";
  std::string target;  // HOST:PORT of a sidecar's gRPC; "": one is started here.
  int64_t ranks = 64;
  int64_t relays = 0;           // Streams of relays that the ranks are dealt over; 0: none.
  int64_t relay_processes = 0;  // Of them real ones.
  double rate = 0.0;            // Snapshots per second of all ranks; 0: as fast as it goes.
  double seconds = 10.0;
  int64_t in_flight = 64;
  int64_t scrapers = 0;
  std::string folder;  // For the sidecar's state; "": a temporary one.
  std::string json;

  bool operator==(const BenchOptions&) const = default;
};

// As ParseDaemonOptions.
absl::StatusOr<bool> ParseBenchOptions(const std::vector<std::string>& arguments,
                                       BenchOptions& options);

}  // namespace sluice::sidecar
