#pragma once

#include "sidecar/engine/view.h"
#include "sidecar/metrics/families.h"

namespace sluice::sidecar {

// Metrics of a run's health: alerts, 0 where one does not fire, and legacy probes. Pure.
void AddHealthMetrics(const View& view, FamilyBuilder& families);

}  // namespace sluice::sidecar
