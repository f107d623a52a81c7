#pragma once

#include <algorithm>

namespace sluice {

// Relative rise of a legacy probe's loss over its baseline that is too much (DESIGN, section 7).
inline constexpr double kProbeLimit = 0.02;

// That, or twice `noise` if it is more: the standard error of the paired difference to the
// baseline, over the baseline.
inline double ProbeLimit(double noise) { return std::max(kProbeLimit, 2.0 * noise); }

}  // namespace sluice
