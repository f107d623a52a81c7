#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/security/caller.h"

namespace sluice::security {

// Tokens and what each allows, as a file says it: a line per token, "ROLE TOKEN [RUN]", with blank
// lines and lines that begin with #. Read again when the file changes; one that cannot be used is
// said in the log, and the last good one stays. Only digests are kept in memory. Thread-safe.
class TokenFile {
 public:
  static constexpr size_t kLeastLength = 16;
  static constexpr size_t kMostLength = 256;
  static constexpr size_t kMostTokens = 1000;

  // INVALID_ARGUMENT names line and fault, never a token. PERMISSION_DENIED if others than its
  // owner and group may read the file, or others than its owner write it.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(const std::string& path);

  // Whose token it is; the time of the comparison does not depend on the tokens. Looks for a change
  // of the file at most once a second of `now`.
  std::optional<Caller> Find(absl::string_view token, std::chrono::steady_clock::time_point now);

 private:
  using Digest = std::array<uint8_t, 32>;
  struct Entry {
    Digest digest;
    Caller caller;
  };
  // What tells a file that was replaced or changed from the one that was read.
  struct Stamp {
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Contents {
    Stamp stamp;
    std::vector<Entry> entries;
  };

  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  static Digest DigestOf(absl::string_view text);
  static absl::StatusOr<Contents> Read(const std::string& path);
  static absl::StatusOr<std::vector<Entry>> Parse(absl::string_view text);
  static absl::StatusOr<Stamp> StampOf(const std::string& path);
  void Refresh(std::chrono::steady_clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  absl::Mutex mutex_;
  Contents contents_ ABSL_GUARDED_BY(mutex_);
  Stamp refused_ ABSL_GUARDED_BY(mutex_);  // Of the last file that could not be used.
  std::chrono::steady_clock::time_point next_look_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace sluice::security
