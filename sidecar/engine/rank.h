#pragma once

#include <cstdint>

#include "sidecar/engine/records.h"

namespace sluice::sidecar {

// Merging of one rank's messages into its record. Windows have `window` steps each; `window_end` is
// the last step of the run's last closed window. Nothing here refuses: stale messages are turned
// away before.

// A process of the rank starts at the Hello's step with the Hello's counters: the ledger is clipped
// to them, so that steps which are run again are not counted twice.
void BeginRank(const Identity& identity, const Hello& hello, uint64_t window_end,
               RankRecord& record);

// Takes the later of the record and the snapshot, and marks the window ends that were passed. False
// if the snapshot brought nothing new.
bool MergeSnapshot(const GateSnapshot& snapshot, uint64_t window_end, uint64_t window,
                   RankRecord& record);

}  // namespace sluice::sidecar
