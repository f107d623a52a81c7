#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::sidecar::testing {

// What one rank's file says went wrong, a line each: an acknowledgement or a directive that a later
// reply knows nothing of, an epoch that went back, steps that are missing at the end. With
// `state_was_lost` a reply may know of no acknowledgement, which the rank then sends again.
std::vector<std::string> JudgeFile(const std::string& file, bool state_was_lost = false);

// What the ledger of `run`, asked over gRPC and HTTP, and the ranks' files (rank 0 first) differ
// in. Counters of all ranks, each rank's step, the run's steps and merged snapshots; with `relayed`
// there may be more of those, which relays have merged.
std::vector<std::string> JudgeLedger(const std::string& grpc, const std::string& http,
                                     const std::string& run, const std::vector<std::string>& files,
                                     bool relayed = false);

// The number behind the last line that begins with `word`; 0 if there is none.
uint64_t LastNumber(const std::string& file, const std::string& word);
// Lines that begin with `word`.
uint64_t CountLines(const std::string& file, const std::string& word);

}  // namespace sluice::sidecar::testing
