#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/counters.h"
#include "sidecar/bench/load_rank.h"
#include "sluice/v1/runs.pb.h"

namespace sluice::sidecar {

// What the ranks of a load have done: the oracle of a sidecar's ledger.
class LoadDone {
 public:
  explicit LoadDone(uint32_t ranks) : steps_(ranks) {}

  // Each rank once.
  void Add(const LoadRank& rank);
  // Sum over ranks.
  const Counters& counters() const { return counters_; }
  // Of each rank.
  const std::vector<uint64_t>& steps() const { return steps_; }

 private:
  Counters counters_;
  std::vector<uint64_t> steps_;
};

// Whether the ledger's sums and each rank's step are what was done, to the unit;
// FAILED_PRECONDITION names the first difference.
absl::Status CompareRun(const v1::RunState& run, const LoadDone& done);

// Whether each closed window has what all ranks did in its steps and nothing else, and whether all
// that could close are closed. A snapshot that was lost on its way shows here alone: the next one
// brings its counts, a window later. Windows that were merged by age are left out.
absl::Status CompareWindows(const v1::GetHistoryResponse& history, const LoadDone& done);

// Asks the sidecar at HOST:PORT, without TLS, and compares both; UNAVAILABLE if it does not answer.
absl::Status CheckLedger(const std::string& address, const std::string& run, const LoadDone& done);

}  // namespace sluice::sidecar
