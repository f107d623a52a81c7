#pragma once

#include <string>

#include "sidecar/metrics/families.h"

namespace sluice::sidecar {

// Free and whole size of the disk that holds the folder `state`, as it is now. Nothing if that
// cannot be said.
void AddDiskMetrics(const std::string& state, FamilyBuilder& families);

}  // namespace sluice::sidecar
