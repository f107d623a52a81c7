#pragma once

#include <sqlite3.h>

#include "absl/status/status.h"

namespace sluice::sidecar {

// Gives a connection the SQL function row_check(...): CRC-32 of the types and bytes of its
// arguments, in their order. Every row of the state carries it over its other columns, because
// SQLite itself does not notice a flipped bit inside a value.
absl::Status RegisterRowCheck(sqlite3* database);

}  // namespace sluice::sidecar
