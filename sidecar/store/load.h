#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "sidecar/engine/records.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Reads everything back; of windows the newest `windows_per_run`, oldest first. DATA_LOSS for a row
// that cannot be understood.
absl::StatusOr<StoredState> LoadState(Database& database, size_t windows_per_run);

}  // namespace sluice::sidecar
