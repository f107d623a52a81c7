#include "sidecar/engine/windows.h"

#include <algorithm>
#include <limits>

#include "sidecar/engine/arrivals.h"
#include "sidecar/engine/rank.h"

namespace sluice::sidecar {
namespace {

bool IsTimeToClose(uint64_t window_end, uint64_t window, uint32_t world_size,
                   const std::map<uint32_t, RankRecord*>& ranks) {
  Arrivals arrivals;
  arrivals.Await(window_end, window, world_size);
  for (const auto& [rank, record] : ranks) arrivals.Note(*record);
  return arrivals.IsTimeToClose();
}

// The last window end after `begin` up to which there is nothing left to count, because the
// snapshot that marked `begin` jumped over all of it or the rank is not there; `begin` if there is
// something.
uint64_t EmptyUntil(uint64_t begin, uint64_t window, uint32_t world_size,
                    const std::map<uint32_t, RankRecord*>& ranks) {
  uint64_t empty = std::numeric_limits<uint64_t>::max();
  uint64_t furthest = 0;
  uint32_t there = 0;
  for (const auto& [rank, record] : ranks) {
    if (rank >= world_size || record->last_step < begin) continue;
    const auto mark = record->marks.lower_bound(begin);
    if (mark == record->marks.end() || mark != record->marks.begin()) return begin;
    empty = std::min(empty, mark->first);
    if (empty < begin + window) return begin;
    furthest = std::max(furthest, record->last_step);
    ++there;
  }
  // The others are waited for as in a window of its own.
  if (there < world_size)
    empty = std::min(empty, furthest - std::min(furthest, Arrivals::kPatience * window));
  return empty <= begin ? begin : begin + (empty - begin) / window * window;
}

// Ends one rank's window: returns the steps of it that are covered and adds what they counted.
uint64_t CloseForRank(uint64_t begin, uint64_t end, RankRecord& record, Counters& counts) {
  uint64_t covered = end - begin;
  auto mark = record.marks.lower_bound(end);
  if (mark == record.marks.end()) {
    if (record.last_step < begin) return 0;  // Still runs an earlier window again.
    covered = std::min(record.last_step, end) - begin;
    // Of a rank that began far behind the window nothing lies between.
    const uint64_t last = record.last_step / (end - begin) * (end - begin);
    mark = record.marks.try_emplace(std::max(end, last)).first;
    mark->second = Mark{record.last_step, record.counters};
  }
  // The oldest: of a rank that was away while windows closed that of the last that it was in.
  if (const auto before = record.marks.begin(); before != mark) {
    Add(Subtract(mark->second.counters, before->second.counters), counts);
  }
  record.marks.erase(record.marks.begin(), mark);
  return covered;
}

}  // namespace

std::optional<ClosedWindow> CloseNextWindow(uint64_t window_end, uint64_t window,
                                            uint32_t world_size,
                                            std::map<uint32_t, RankRecord*>& ranks) {
  if (world_size == 0) return std::nullopt;
  if (const uint64_t empty = EmptyUntil(window_end, window, world_size, ranks);
      empty > window_end) {
    return ClosedWindow{window_end + 1, empty, {}, 1.0};
  }
  const uint64_t end = window_end + window;
  if (!IsTimeToClose(window_end, window, world_size, ranks)) return std::nullopt;
  ClosedWindow closed{window_end + 1, end, {}, 0.0};
  uint64_t covered = 0;
  for (auto& [rank, record] : ranks) {
    if (rank < world_size) covered += CloseForRank(window_end, end, *record, closed.counts);
  }
  closed.coverage = static_cast<double>(covered) / (static_cast<double>(window) * world_size);
  return closed;
}

}  // namespace sluice::sidecar
