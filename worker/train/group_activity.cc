#include "worker/train/group_activity.h"

namespace sluice::train {

GroupActivity::GroupActivity(int64_t window, Optimizer* optimizer, int64_t next_step)
    : window_(window), optimizer_(optimizer) {
  Restart(next_step);
}

void GroupActivity::Restart(int64_t next_step) {
  first_step_ = next_step;
  before_ = optimizer_->group_steps();
}

std::optional<telemetry::GroupActivity> GroupActivity::After(int64_t step) {
  if (window_ == 0 || step - first_step_ + 1 < window_) return std::nullopt;
  telemetry::GroupActivity activity;
  activity.first_step = static_cast<uint64_t>(first_step_);
  activity.last_step = static_cast<uint64_t>(step);
  const std::vector<int64_t>& now = optimizer_->group_steps();
  for (size_t g = 0; g < now.size(); ++g) {
    activity.groups.push_back(
        {optimizer_->groups()[g].name, static_cast<uint32_t>(now[g] - before_[g])});
  }
  Restart(step + 1);
  return activity;
}

}  // namespace sluice::train
