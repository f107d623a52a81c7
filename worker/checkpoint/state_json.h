#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint.h"

namespace sluice::checkpoint {

// Everything of a TrainState but the counters, which are a tensor of the file, as one JSON object
// and back.
std::string StateToJson(const TrainState& state);
// INVALID_ARGUMENT that names the missing or wrong key, or the format's version.
absl::StatusOr<TrainState> StateFromJson(const std::string& text);

}  // namespace sluice::checkpoint
