#include "worker/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::train {

double LearningRateSchedule::At(int64_t step) const {
  if (step <= warmup_steps) {
    return peak * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  const double span = static_cast<double>(std::max<int64_t>(total_steps - warmup_steps, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup_steps) / span);
  return peak * (min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + std::cos(std::numbers::pi * done)));
}

double OpeningSchedule::At(int64_t step) const {
  if (step <= anneal_steps) {
    return 1.0 - static_cast<double>(step - 1) / static_cast<double>(anneal_steps);
  }
  const int64_t grown = step - (total_steps - grow_steps);
  return grown > 0 ? static_cast<double>(grown) / static_cast<double>(grow_steps) : 0.0;
}

}  // namespace sluice::train
