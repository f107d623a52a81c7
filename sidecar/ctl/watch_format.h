#pragma once

#include <string>
#include <vector>

#include "sluice/v1/runs.pb.h"

namespace sluice::ctl {

// Lines of a watch: aligned although later ones are not known yet. Not thread-safe.
class WatchFormat {
 public:
  // The line of one update, under a header if it is the first or the gate layers have changed.
  std::string Update(const v1::RunState& state);

 private:
  std::vector<uint32_t> layers_;
  bool has_header_ = false;
};

}  // namespace sluice::ctl
