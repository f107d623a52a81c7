#pragma once

#include <cstdint>

namespace sluice::train {

// Linear warm-up, then a cosine down to the end (Loshchilov and Hutter, "SGDR", ICLR 2017).
struct LearningRateSchedule {
  double peak = 1e-3;
  double min_ratio = 0.0;  // Of the peak, at the last step.
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;

  // Rate of step `step`, from 1 to total_steps. At the last step it is min_ratio * peak.
  double At(int64_t step) const;
};

}  // namespace sluice::train
