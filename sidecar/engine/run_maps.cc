// Maps of open patches: the newest few of a run.
#include <algorithm>

#include "sidecar/engine/run.h"

namespace sluice::sidecar {

void Run::RestoreMap(Event map) { maps_.push_back(std::make_shared<const Event>(std::move(map))); }

// A run that went back makes maps of the same steps again: those from there on are of weights that
// are gone.
void Run::TakeMap(const Event& map) {
  std::erase_if(maps_, [&map](const auto& old) { return old->step >= map.step; });
  maps_.push_back(std::make_shared<const Event>(map));
  if (maps_.size() > kMapsKept) maps_.erase(maps_.begin());
  appended_.maps.push_back({record_.run, map, maps_.front()->step});
}

}  // namespace sluice::sidecar
