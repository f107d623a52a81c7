#include "sidecar/engine/windows.h"

#include <algorithm>

namespace sluice::sidecar {
namespace {

bool IsTimeToClose(uint64_t end, uint64_t window, uint32_t world_size,
                   const std::map<uint32_t, RankRecord*>& ranks) {
  uint32_t arrived = 0;
  uint64_t furthest = 0;
  for (const auto& [rank, record] : ranks) {
    if (rank >= world_size) continue;
    arrived += record->marks.contains(end) ? 1 : 0;
    furthest = std::max(furthest, record->last_step);
  }
  return (world_size > 0 && arrived == world_size) || furthest >= end + 2 * window;
}

// Ends one rank's window: returns the steps of it that are covered and adds what they counted.
uint64_t CloseForRank(uint64_t begin, uint64_t end, RankRecord& record, Counters& counts) {
  uint64_t covered = end - begin;
  if (!record.marks.contains(end)) {
    if (record.last_step < begin) return 0;  // Still runs an earlier window again.
    covered = std::min(record.last_step, end) - begin;
    record.marks[end] = Mark{record.last_step, record.counters};
  }
  if (const auto before = record.marks.find(begin); before != record.marks.end()) {
    Add(Subtract(record.marks[end].counters, before->second.counters), counts);
  }
  record.marks.erase(record.marks.begin(), record.marks.find(end));
  return covered;
}

}  // namespace

std::optional<ClosedWindow> CloseNextWindow(uint64_t window_end, uint64_t window,
                                            uint32_t world_size,
                                            std::map<uint32_t, RankRecord*>& ranks) {
  const uint64_t end = window_end + window;
  if (!IsTimeToClose(end, window, world_size, ranks)) return std::nullopt;
  ClosedWindow closed{window_end + 1, end, {}, 0.0};
  uint64_t covered = 0;
  for (auto& [rank, record] : ranks) {
    if (rank < world_size) covered += CloseForRank(window_end, end, *record, closed.counts);
  }
  closed.coverage = static_cast<double>(covered) / (static_cast<double>(window) * world_size);
  return closed;
}

}  // namespace sluice::sidecar
