#pragma once

#include "sidecar/engine/view.h"
#include "sidecar/metrics/families.h"

namespace sluice::sidecar {

// Metrics of the gates: tokens, scores, thresholds, times. Pure.
void AddGateMetrics(const View& view, FamilyBuilder& families);

}  // namespace sluice::sidecar
