#pragma once

#include "absl/status/statusor.h"
#include "sidecar/engine/messages.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Checks a message that is neither Hello nor snapshot, and makes the journal's form of it. An error
// is a refusal that names the field.
absl::StatusOr<Event> EventFromProto(const v1::WorkerMessage& proto);

}  // namespace sluice::sidecar
