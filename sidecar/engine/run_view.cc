// What a run hands out: rows for the next commit, a picture for queries.
#include <algorithm>

#include "sidecar/engine/run.h"

namespace sluice::sidecar {

void Run::AddChanges(uint64_t activity, Changes& changes) {
  if (!dirty_ && dirty_ranks_.empty() && appended_.empty()) return;
  record_.activity = activity;
  changes.runs.push_back(record_);
  if (cleared_) changes.cleared_runs.push_back(record_.run);
  for (uint32_t rank : dirty_ranks_) {
    const auto it = slots_.find(rank);
    if (it != slots_.end()) changes.ranks.push_back(it->second.record);
  }
  const auto append = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(appended_.windows, changes.windows);
  append(appended_.directives, changes.directives);
  append(appended_.journal, changes.journal);
  append(appended_.events, changes.events);
  append(appended_.maps, changes.maps);
}

void Run::Committed() {
  dirty_ = cleared_ = false;
  dirty_ranks_.clear();
  appended_ = Changes{};
}

void Run::MarkAllDirty() {
  dirty_ = true;
  for (const auto& [rank, slot] : slots_) dirty_ranks_.insert(rank);
  std::vector<WindowRecord> all;
  for (const auto& window : history_) all.push_back(*window);
  appended_.windows = std::move(all);  // Holds those that were still to be written.
  if (record_.in_force.has_value()) appended_.directives.push_back(*record_.in_force);
  appended_.maps.clear();
  for (const auto& map : maps_) appended_.maps.push_back({record_.run, *map, maps_.front()->step});
}

std::shared_ptr<const RunView> Run::MakeView() {
  changed_ = false;
  if (history_view_ == nullptr) history_view_ = std::make_shared<const History>(history_);
  auto view = std::make_shared<RunView>();
  view->record = record_;
  view->work = record_.work_base + record_.generation_max - record_.generation_start;
  view->revision = revision_;
  view->history = history_view_;
  view->maps = maps_;
  view->highest_breaker_level = HighestLevel(options_.breaker);
  view->most_rollbacks = static_cast<uint32_t>(options_.breaker.rollbacks);
  uint64_t slowest = UINT64_MAX;
  for (const auto& [rank, slot] : slots_) {
    const RankRecord& r = slot.record;
    view->ranks.push_back(
        {rank, slot.sink != nullptr, r.ended, r.last_step, r.generation, slot.timing});
    Add(r.counters, view->counters);
    view->coalesced += r.coalesced;
    view->ranks_live += slot.sink != nullptr ? 1 : 0;
    view->ranks_lost += slot.sink == nullptr && !r.ended ? 1 : 0;
    slowest = std::min(slowest, r.last_step);
  }
  // A rank that never came has reached no step.
  view->step = slots_.size() < record_.world_size || slots_.empty() ? 0 : slowest;
  view->ranks_lost += record_.world_size - std::min<uint64_t>(record_.world_size, slots_.size());
  return view;
}

}  // namespace sluice::sidecar
