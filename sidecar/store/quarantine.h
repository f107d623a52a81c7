#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::sidecar {

// A state file that was found corrupt and set aside.
struct Quarantine {
  std::string file;    // Its name in the folder now.
  std::string reason;  // What was wrong with it.
  bool acknowledged = false;

  bool operator==(const Quarantine&) const = default;
};

// Gives `folder`/sluice.db and its log the names sluice.db.corrupt-N and sluice.db.corrupt-N-wal,
// N from 1, the first that is free, and makes that durable. Nothing is deleted but SQLite's index
// of the log, which is made from it. Returns the new name; "" if there was no file.
absl::StatusOr<std::string> SetAside(const std::string& folder);

}  // namespace sluice::sidecar
