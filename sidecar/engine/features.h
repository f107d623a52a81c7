#pragma once

#include <array>
#include <string>

namespace sluice::sidecar {

// What a worker may require of this sidecar in Hello.required_features.
inline const std::array<std::string, 3> kFeatures = {"telemetry", "thresholds", "in_force"};

}  // namespace sluice::sidecar
