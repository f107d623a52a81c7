#pragma once

#include "absl/status/statusor.h"
#include "common/snapshot.h"
#include "sluice/v1/snapshot.pb.h"

namespace sluice::sidecar {

// Checks every field and copies. An error is a refusal that names the field.
absl::StatusOr<GateSnapshot> SnapshotFromProto(const v1::GateSnapshot& proto);

}  // namespace sluice::sidecar
