#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "sidecar/engine/command.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Checks a message that came for `sink` and makes the engine's command of it. `turn`: OK, or why it
// is not taken whatever it is. `first_seq` as in LaneRequest; 0 for one that came without a relay.
Command CommandOf(const std::shared_ptr<StreamSink>& sink, const v1::WorkerMessage& message,
                  const absl::Status& turn, uint64_t first_seq = 0);

// What `turn` is for a message beyond the rate that one rank may have.
absl::Status OverRate(double messages_per_second);

}  // namespace sluice::sidecar
