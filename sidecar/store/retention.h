#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Bytes of the file that hold something.
absl::StatusOr<uint64_t> UsedBytes(Database& database);

// While more than `cap` bytes are used, deletes the oldest tenth of each run's journal, windows,
// directives and events, again and again: what a running training needs is never among them.
// Gives pages that are free back to the system, a few at a time. Part of the transaction under way.
absl::Status KeepUnder(uint64_t cap, Database& database);

}  // namespace sluice::sidecar
