#pragma once

#include "absl/status/status.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Looks at every page, index and row. DATA_LOSS names the first thing that is not as it was
// written. Pages are checked by SQLite, values by row_check, the tables' definitions against our
// own.
absl::Status CheckPages(Database& database);
absl::Status CheckRows(Database& database);

}  // namespace sluice::sidecar
