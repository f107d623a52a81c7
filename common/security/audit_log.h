#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/file.h"

namespace sluice::security {

// One call that asked for a change.
struct AuditEntry {
  std::string caller;
  std::string peer;
  std::string method;
  // Names and values, as the request had them.
  std::vector<std::pair<std::string, std::string>> arguments;
  std::string result;     // OK, or the name of the code.
  std::string detail;     // Why not, or what came of it.
  uint64_t left_out = 0;  // Refused calls before it that were too many to be written.
};

// The entry as one line of JSON; bytes that are not UTF-8 are replaced. `unix_micros` is the time.
std::string AuditLine(const AuditEntry& entry, int64_t unix_micros);

struct AuditOptions {
  std::string path;
  uint64_t most_bytes = 16 << 20;  // Of one file; then it is renamed to PATH.1, PATH.1 to PATH.2.
  int64_t files = 8;               // Including the one that is written.
};

// A log of lines that are durable before anyone is answered. A thread of its own writes what has
// come together with one sync. Lines that could not be written stay and go before the next ones, so
// none is lost while the program runs; meanwhile the log is not ready. A rotation that fails
// leaves the file to grow. Thread-safe.
class AuditLog {
 public:
  using Done = std::function<void(const absl::Status&)>;

  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const AuditOptions& options);
  // Writes what is left.
  ~AuditLog();

  // `done` (may be empty) is called once the line is durable, or with the reason why it is not yet.
  void Write(const AuditEntry& entry, Done done);
  // OK, or why lines cannot be written at present: then nothing that needs one should begin. Tries
  // again to write what has failed.
  absl::Status Ready();

 private:
  struct Line {
    std::string text;
    Done done;
  };

  AuditLog(AuditOptions options, AppendFile file, uint64_t bytes);
  void Loop();
  // Of the thread: appends all of `text`, and makes it durable.
  absl::Status Append(absl::string_view text);
  void Rotate();

  const AuditOptions options_;
  // Of the thread.
  AppendFile file_;
  uint64_t bytes_;
  std::string unwritten_;

  absl::Mutex mutex_;
  std::deque<Line> lines_ ABSL_GUARDED_BY(mutex_);
  absl::Status state_ ABSL_GUARDED_BY(mutex_);
  bool try_again_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::security
