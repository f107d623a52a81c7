#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/file_descriptor.h"

namespace sluice::sidecar {

// What is known of a state from outside of it: which file it is, how many commits it has had, and
// the highest lease epoch ever granted. A log that lost its end, or a file that is gone, looks
// sound to SQLite; beside this it does not.
struct StateMark {
  std::string id;
  uint64_t commits = 0;
  uint64_t epoch = 0;

  bool operator==(const StateMark&) const = default;
};

// The file `FOLDER/mark`. Written after each commit and never synced: it may lag behind the state,
// but a state that lags behind it has lost commits. Not thread-safe. Move-only.
class CommitMark {
 public:
  // Opens or creates the file. A damaged one reads as none: what it said is gone.
  static absl::StatusOr<CommitMark> Open(const std::string& folder);

  const std::optional<StateMark>& last() const { return last_; }
  absl::Status Write(const StateMark& mark);

 private:
  CommitMark(FileDescriptor file, std::optional<StateMark> last)
      : file_(std::move(file)), last_(std::move(last)) {}

  FileDescriptor file_;
  std::optional<StateMark> last_;
};

}  // namespace sluice::sidecar
