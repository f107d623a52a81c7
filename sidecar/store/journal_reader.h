#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/engine/records.h"

namespace sluice::sidecar {

struct JournalQuery {
  std::string run;
  uint64_t first_step = 0;
  uint64_t last_step = UINT64_MAX;
  uint64_t after_serial = 0;  // Entries above it.
  uint32_t limit = 1000;
};

// Reads the journal entries that `query` asks for, oldest first, from the state in `folder`, over a
// connection of its own: a writer is not held up. At most `limit`, the oldest of them. DATA_LOSS
// for an entry that is not as it was written.
absl::StatusOr<std::vector<JournalRecord>> ReadJournal(const std::string& folder,
                                                       const JournalQuery& query);

// A thread that reads for those who must not block. Thread-safe.
class JournalReader {
 public:
  using Done = std::function<void(absl::StatusOr<std::vector<JournalRecord>>)>;

  explicit JournalReader(std::string folder);
  ~JournalReader();
  // Calls `done` on the reader's thread. RESOURCE_EXHAUSTED at once if too many wait already.
  void Read(const JournalQuery& query, Done done);

 private:
  static constexpr size_t kMostWaiting = 16;
  struct Job {
    JournalQuery query;
    Done done;
  };
  void Loop();

  const std::string folder_;
  std::mutex mutex_;  // Guards the two that follow.
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::condition_variable ready_;
  std::thread thread_;
};

}  // namespace sluice::sidecar
