#pragma once

#include "absl/status/status.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Sets the connection up (WAL, synchronous=FULL), checks that the file is a sound state of ours and
// creates the tables in a new one. DATA_LOSS for a corrupt file, FAILED_PRECONDITION for a file of
// another program or of a newer version; nothing is written in these cases.
absl::Status PrepareSchema(Database& database);

}  // namespace sluice::sidecar
