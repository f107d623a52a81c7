#pragma once

#include <cstdint>
#include <string>

#include "common/probe_limit.h"

namespace sluice::train {

// What stands for a loss that is not finite: a rise, never a pass.
inline constexpr double kNotFiniteLoss = 1e9;

// How a model does on a legacy probe.
struct ProbeFinding {
  std::string probe;
  int64_t images = 0;
  double loss = 0.0;            // Mean cross-entropy, or kNotFiniteLoss.
  double standard_error = 0.0;  // Of the mean paired difference to the baseline.
  double accuracy = 0.0;        // In [0, 1].
  double baseline_loss = 0.0;   // Mean cross-entropy when the probe was registered, above 0.

  double limit() const { return ProbeLimit(standard_error / baseline_loss); }
  double delta() const { return (loss - baseline_loss) / baseline_loss; }
  bool is_worse() const { return delta() > limit(); }

  bool operator==(const ProbeFinding&) const = default;
};

}  // namespace sluice::train
