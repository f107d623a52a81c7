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

// How far gates stand open beyond their policies; see gate::GateSettings::opening.
struct OpeningSchedule {
  int64_t anneal_steps = 0;  // First steps: from 1 down to 0.
  int64_t grow_steps = 0;    // Last steps: from 0 up to 1.
  int64_t total_steps = 1;

  // In [0, 1], of step `step`, from 1 to total_steps. 1 at the first step and at the last one.
  double At(int64_t step) const;
};

}  // namespace sluice::train
