#pragma once

#include <cstdint>

#include "common/probe_limit.h"

namespace sluice::sidecar {

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

// The limit of its rise.
double ProbeLimit(const ProbeCheck& check);
// True if the rise is above the limit.
bool IsWorse(const ProbeCheck& check);
// Counts a check. False if its step was counted before: then nothing changes.
bool CountCheck(const ProbeCheck& check, ProbeState& state);

}  // namespace sluice::sidecar
