#pragma once

#include <cstdint>
#include <map>

#include "sidecar/engine/records.h"

namespace sluice::sidecar {

// Whether the next window of a run is due, counted as its ranks come on: a snapshot costs the same
// however many ranks there are, as long as each change of a record is noted. Not synchronised.
class Arrivals {
 public:
  // So many whole windows past a window's end a rank does not wait for the others.
  static constexpr uint64_t kPatience = 2;

  // The window after `window_end` is the next, of a run with `world_size` ranks. True if that is
  // new, or all was forgotten: then nobody is counted, and every rank is to be noted.
  bool Await(uint64_t window_end, uint64_t window, uint32_t world_size);
  // A rank is there, or its record has changed.
  void Note(const RankRecord& record);
  // Ranks have gone, or many have changed.
  void Forget() { known_ = false; }
  // All ranks have reached the window's end, or one is kPatience whole windows past it.
  bool IsTimeToClose() const;

 private:
  struct Place {
    bool arrived = false;  // At the window's end.
    bool far = false;      // kPatience windows past it.
  };

  bool known_ = false;
  uint64_t window_end_ = 0;
  uint64_t window_ = 0;
  uint32_t world_size_ = 0;
  std::map<uint32_t, Place> places_;  // By rank.
  uint32_t arrived_ = 0;
  uint32_t far_ = 0;
};

}  // namespace sluice::sidecar
