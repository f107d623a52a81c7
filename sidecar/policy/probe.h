#pragma once

#include <cstdint>

namespace sluice::sidecar {

// Relative rise of a legacy probe's loss over its baseline that is too much.
inline constexpr double kProbeLimit = 0.02;

// One check of a legacy probe.
struct ProbeCheck {
  uint64_t step = 0;   // Whose weights were evaluated.
  double delta = 0.0;  // (loss - baseline) / baseline.
  double noise = 0.0;  // Standard error of the paired difference, over the baseline too.
};

// What is kept of a probe: its newest check, and how its checks went. A step counts once, whenever
// and however often it is reported.
struct ProbeState {
  uint64_t step = 0;
  double delta = 0.0;
  double limit = kProbeLimit;
  uint64_t ok = 0;
  uint64_t worse = 0;

  bool operator==(const ProbeState&) const = default;
};

// 2 %, or twice the standard error if that is more (DESIGN, section 7).
double ProbeLimit(const ProbeCheck& check);
// True if the rise is above the limit.
bool IsWorse(const ProbeCheck& check);
// Counts a check. False if its step was counted before: then nothing changes.
bool CountCheck(const ProbeCheck& check, ProbeState& state);

}  // namespace sluice::sidecar
