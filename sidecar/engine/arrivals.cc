#include "sidecar/engine/arrivals.h"

#include "sidecar/engine/rank.h"

namespace sluice::sidecar {
namespace {

void Recount(bool before, bool now, uint32_t& count) {
  if (now && !before) ++count;
  if (before && !now) --count;
}

}  // namespace

bool Arrivals::Await(uint64_t window_end, uint64_t window, uint32_t world_size) {
  if (known_ && window_end == window_end_ && window == window_ && world_size == world_size_) {
    return false;
  }
  known_ = true;
  window_end_ = window_end;
  window_ = window;
  world_size_ = world_size;
  places_.clear();
  arrived_ = far_ = 0;
  return true;
}

void Arrivals::Note(const RankRecord& record) {
  if (!known_ || record.rank >= world_size_) return;
  const uint64_t end = window_end_ + window_;
  Place& place = places_[record.rank];
  const Place now{MarkAt(record, end) != nullptr, record.last_step >= end + kPatience * window_};
  Recount(place.arrived, now.arrived, arrived_);
  Recount(place.far, now.far, far_);
  place = now;
}

bool Arrivals::IsTimeToClose() const {
  return world_size_ > 0 && (arrived_ == world_size_ || far_ > 0);
}

}  // namespace sluice::sidecar
