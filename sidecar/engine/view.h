#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/counters.h"
#include "sidecar/engine/commit_times.h"
#include "sidecar/engine/down_sample.h"
#include "sidecar/engine/records.h"

// Immutable pictures of the state, for queries and scrapes. Made by the writer thread after a
// commit and shared without locks: what they show is durable.
namespace sluice::sidecar {

struct RankView {
  uint32_t rank = 0;
  bool connected = false;
  bool ended = false;
  uint64_t step = 0;
  uint32_t generation = 0;
  std::optional<StepTiming> timing;  // Of its newest step.
};

// Maps of open patches by rising step: events whose body is a sluice.v1.TokenMap as JSON.
using Maps = std::vector<std::shared_ptr<const Event>>;

struct RunView {
  RunRecord record;
  std::vector<RankView> ranks;
  Counters counters;       // Sum over ranks.
  uint64_t step = 0;       // Newest step that every rank reached.
  uint64_t work = 0;       // Steps done, those that were run again included.
  uint64_t coalesced = 0;  // Snapshots that ranks merged.
  uint64_t ranks_live = 0;
  uint64_t ranks_lost = 0;
  uint64_t revision = 0;               // Rises when a window closes or a directive is made.
  uint32_t highest_breaker_level = 0;  // That the options allow.
  uint32_t most_rollbacks = 0;
  std::shared_ptr<const History> history;  // Oldest first, older ones merged.
  Maps maps;                               // The newest kMapsKept.
};

// A state file that was found corrupt and set aside.
struct QuarantineView {
  std::string file;
  std::string reason;
  bool acknowledged = false;
};

// How the durable state fares.
struct StorageView {
  bool writable = true;
  std::string error;  // Of the last commit, if it failed.
  uint64_t bytes = 0;
  std::vector<QuarantineView> quarantines;
};

struct View {
  std::vector<std::shared_ptr<const RunView>> runs;  // Newest activity first.
  std::map<std::string, uint64_t> rejected;          // Messages refused, by reason.
  uint64_t commit_failures = 0;
  CommitTimes commit_times;  // Of those that succeeded.
  StorageView storage;

  // The run of this name, or null.
  std::shared_ptr<const RunView> Find(const std::string& run) const {
    for (const auto& view : runs) {
      if (view->record.run == run) return view;
    }
    return nullptr;
  }
};

}  // namespace sluice::sidecar
