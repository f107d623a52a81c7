#pragma once

#include "absl/status/statusor.h"
#include "sidecar/engine/messages.h"
#include "sidecar/engine/refusal.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Checks every field that can be judged without knowing the run, and copies. An error is a refusal
// that names field, value and expected range. Pure.
absl::StatusOr<Message> MessageFromProto(const v1::WorkerMessage& proto);

void RefusalToProto(uint64_t seq, RefusalReason reason, const std::string& detail,
                    v1::Refusal* proto);

}  // namespace sluice::sidecar
