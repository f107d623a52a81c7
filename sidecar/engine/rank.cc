#include "sidecar/engine/rank.h"

namespace sluice::sidecar {
namespace {

// First window end at or after `step`, a multiple of `window`.
uint64_t EndAtOrAfter(uint64_t step, uint64_t window) {
  return (step + window - 1) / window * window;
}

// A snapshot that comes late may lie closer to a window's end than the one that marked it.
bool RefineMarks(const GateSnapshot& snapshot, uint64_t window_end, RankRecord& record) {
  bool changed = false;
  for (auto& [end, mark] : record.marks) {
    if (end > window_end && snapshot.last_step >= end && snapshot.last_step < mark.step) {
      mark = Mark{snapshot.last_step, snapshot.counters};
      changed = true;
    }
  }
  return changed;
}

}  // namespace

void BeginRank(const Identity& identity, const Hello& hello, uint64_t window_end,
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
    record.marks.erase(record.marks.upper_bound(hello.start_step), record.marks.end());
  }
  if (record.marks.empty() && hello.start_step >= window_end) {
    record.marks[window_end] = Mark{hello.start_step, hello.start_counters};
  }
}

bool MergeSnapshot(const GateSnapshot& snapshot, uint64_t window_end, uint64_t window,
                   RankRecord& record) {
  if (snapshot.last_step <= record.last_step) {
    return RefineMarks(snapshot, window_end, record);
  }
  // A closed window takes no more; its end is marked only for a rank that runs it again.
  uint64_t end = EndAtOrAfter(record.last_step + 1, window);
  if (end < window_end) end = window_end;
  for (; end <= snapshot.last_step; end += window) {
    record.marks.try_emplace(end, Mark{snapshot.last_step, snapshot.counters});
  }
  record.last_step = snapshot.last_step;
  record.counters = snapshot.counters;
  return true;
}

}  // namespace sluice::sidecar
