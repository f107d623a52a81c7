#pragma once

#include "sidecar/engine/view.h"
#include "sidecar/metrics/families.h"

namespace sluice::sidecar {

// Metrics of a run as a whole: work done, images, ranks, directives. Pure.
void AddRunMetrics(const View& view, FamilyBuilder& families);

// Newest sampled values: loss, accuracy, learning rate, speed. Pure.
void AddSampleMetrics(const View& view, FamilyBuilder& families);

}  // namespace sluice::sidecar
