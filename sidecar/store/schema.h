#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Which state a file is, and how often it was written.
struct StateIdentity {
  std::string id;
  uint64_t commits = 0;
};

// Sets the connection up (WAL, synchronous=FULL), checks that the file is a sound state of ours,
// takes one of the version before over into the present form, and creates the tables in a new one.
// DATA_LOSS for a corrupt file, FAILED_PRECONDITION for a file of another program or of a newer
// version; nothing is written in these cases. `thorough` looks at every page and row; else the file
// was checked before and only what a failed commit may have left is looked at.
absl::StatusOr<StateIdentity> PrepareSchema(Database& database, bool thorough = true);

}  // namespace sluice::sidecar
