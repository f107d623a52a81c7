#pragma once

#include <cstdint>

#include "sidecar/engine/records.h"

namespace sluice::sidecar {

// Merging of one rank's messages into its record. Windows have `window` steps each; `window_end` is
// the last step of the run's last closed window. Nothing here refuses: stale messages are turned
// away before.

// What the rank had counted at the window end `end`, or at the first step seen after it; null if it
// has not come there.
const Mark* MarkAt(const RankRecord& record, uint64_t end);

// A process of the rank starts at the Hello's step with the Hello's counters: the ledger is clipped
// to them, so that steps which are run again are not counted twice.
void BeginRank(const Identity& identity, const Hello& hello, uint64_t window_end, uint64_t window,
               RankRecord& record);

// Takes the later of the record and the snapshot (of one step the one that has evaluated more), and
// marks the window ends that were passed, with one mark however many they are. False if the
// snapshot brought nothing new.
bool MergeSnapshot(const GateSnapshot& snapshot, uint64_t window_end, uint64_t window,
                   RankRecord& record);

}  // namespace sluice::sidecar
