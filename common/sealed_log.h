#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file.h"

namespace sluice {

// A log of decisions: one line of JSON per entry, with the CRC-32 of everything before `,"crc"` at
// its end:
//   {...,"crc":"8 hex digits"}
// An entry's body is its line up to there, `{...` without the closing brace. Lines are only ever
// appended. Not thread-safe.
class SealedLog {
 public:
  // Opens or creates. A torn last line, of an Append that never returned, is cut off with a
  // warning. DATA_LOSS as ReadSealedLog. `what` names the log in messages.
  static absl::StatusOr<SealedLog> Open(const std::string& what, const std::string& path);

  // Durable when it returns.
  absl::Status Append(const std::string& body);

 private:
  explicit SealedLog(AppendFile file) : file_(std::move(file)) {}
  AppendFile file_;
};

// The bodies of the log at `path`, in the file's order. A last line that is torn or fails its CRC
// is dropped with a warning. DATA_LOSS that names the line for any other bad one; NOT_FOUND without
// the file.
absl::StatusOr<std::vector<std::string>> ReadSealedLog(const std::string& what,
                                                       const std::string& path);

}  // namespace sluice
