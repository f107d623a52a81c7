#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/engine/records.h"
#include "sidecar/store/database.h"
#include "sidecar/store/quarantine.h"

namespace sluice::sidecar {

// Reads back what the engine goes on from; windows oldest first. INTERNAL for a row that is as it
// was written and cannot be understood.
absl::StatusOr<StoredState> LoadState(Database& database);

absl::StatusOr<std::vector<Quarantine>> LoadQuarantines(Database& database);

}  // namespace sluice::sidecar
