#pragma once

#include <string>

#include "absl/status/status.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// Takes a state of version 1, which had no checks of rows, over into the present form, in one
// transaction, under the name `id`. Its decisions, kept without their inputs, become journal
// entries that cannot be replayed.
absl::Status UpgradeFromVersion1(const std::string& id, Database& database);

}  // namespace sluice::sidecar
