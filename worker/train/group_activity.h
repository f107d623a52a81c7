#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "worker/telemetry/event.h"
#include "worker/train/optimizer.h"

namespace sluice::train {

// Counts in which steps the optimizer changed each parameter group, in windows of steps that follow
// each other, for the sidecar's policy on dormant groups. One thread.
class GroupActivity {
 public:
  // Borrows the optimizer, whose step counts it reads. `window` steps, 0 for none; the first window
  // begins with `next_step`.
  GroupActivity(int64_t window, Optimizer* optimizer, int64_t next_step);

  // After step `step`: the window's counts if it ends here.
  std::optional<telemetry::GroupActivity> After(int64_t step);
  // The optimizer has another state from `next_step` on: counting begins anew.
  void Restart(int64_t next_step);

 private:
  int64_t window_;
  Optimizer* optimizer_;
  int64_t first_step_ = 1;
  std::vector<int64_t> before_;  // The groups' step counts when the window began.
};

}  // namespace sluice::train
