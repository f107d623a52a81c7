#include "sidecar/engine/rank.h"

#include <algorithm>
#include <numeric>

namespace sluice::sidecar {
namespace {

// First window end at or after `step`, a multiple of `window`.
uint64_t EndAtOrAfter(uint64_t step, uint64_t window) {
  return (step + window - 1) / window * window;
}

uint64_t EndAtOrBefore(uint64_t step, uint64_t window) { return step / window * window; }

// A snapshot that comes late may lie closer to the ends of open windows than the one that marked
// them. It says nothing of what a closed window has counted.
bool RefineMarks(const GateSnapshot& snapshot, uint64_t window_end, uint64_t window,
                 RankRecord& record) {
  const uint64_t last = EndAtOrBefore(snapshot.last_step, window);
  if (last <= window_end || record.marks.empty()) return false;
  if (snapshot.last_step <= record.marks.begin()->second.step) return false;
  const Mark refined{snapshot.last_step, snapshot.counters};
  bool changed = false;
  auto mark = record.marks.upper_bound(window_end);
  for (; mark != record.marks.end() && mark->first <= last; ++mark) {
    if (snapshot.last_step >= mark->second.step) continue;
    mark->second = refined;
    changed = true;
  }
  // The next one stands for ends before the snapshot, too, if no mark has its last end.
  if (mark == record.marks.end() || snapshot.last_step >= mark->second.step) return changed;
  return record.marks.try_emplace(last, refined).second || changed;
}

// Forgets what was marked behind `end`.
void ClipMarks(uint64_t end, RankRecord& record) {
  const auto behind = record.marks.upper_bound(end);
  if (behind == record.marks.end()) return;
  record.marks.try_emplace(end, behind->second);
  record.marks.erase(record.marks.upper_bound(end), record.marks.end());
}

uint64_t Evaluated(const Counters& counters) {
  const auto& bins = counters.inference.bins;
  return std::accumulate(bins.begin(), bins.end(), uint64_t{0});
}

}  // namespace

const Mark* MarkAt(const RankRecord& record, uint64_t end) {
  const auto mark = record.marks.lower_bound(end);
  return mark == record.marks.end() ? nullptr : &mark->second;
}

void BeginRank(const Identity& identity, const Hello& hello, uint64_t window_end, uint64_t window,
               RankRecord& record) {
  const bool is_new = record.epoch == 0;
  record.run = identity.run;
  record.rank = identity.rank;
  record.epoch = identity.lease_epoch;
  record.generation = identity.generation;
  record.incarnation = identity.incarnation;
  record.seq = 0;
  record.ended = false;
  record.last_step = hello.start_step;
  record.counters = hello.start_counters;
  if (is_new || hello.start_step < window_end) {
    // Steps up to window_end will be run again: the mark there is set when the rank passes it.
    record.marks.clear();
  } else {
    ClipMarks(std::max(EndAtOrBefore(hello.start_step, window), window_end), record);
  }
  if (record.marks.empty() && hello.start_step >= window_end) {
    record.marks[window_end] = Mark{hello.start_step, hello.start_counters};
  }
}

bool MergeSnapshot(const GateSnapshot& snapshot, uint64_t window_end, uint64_t window,
                   RankRecord& record) {
  // At its end a run tells its last step again, with what the evaluation behind it found.
  if (snapshot.last_step == record.last_step &&
      Evaluated(snapshot.counters) > Evaluated(record.counters)) {
    record.counters = snapshot.counters;
    return true;
  }
  if (snapshot.last_step <= record.last_step) {
    return RefineMarks(snapshot, window_end, window, record);
  }
  // A closed window takes no more; its end is marked only for a rank that runs it again.
  const uint64_t first = std::max(EndAtOrAfter(record.last_step + 1, window), window_end);
  const uint64_t last = EndAtOrBefore(snapshot.last_step, window);
  if (first <= last && MarkAt(record, last) == nullptr) {
    record.marks[last] = Mark{snapshot.last_step, snapshot.counters};
  }
  record.last_step = snapshot.last_step;
  record.counters = snapshot.counters;
  return true;
}

}  // namespace sluice::sidecar
