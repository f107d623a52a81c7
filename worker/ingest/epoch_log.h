#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sealed_log.h"

namespace sluice::ingest {

// Which of the spool's images an epoch trains on: the first `ingested`.
struct EpochEntry {
  int64_t number = 0;      // From 0.
  int64_t first_step = 0;  // Of the run's steps, from 1.
  int64_t ingested = 0;
  uint32_t checksum = 0;  // SpoolReader::checksum() of them.

  bool operator==(const EpochEntry&) const = default;
};

// A run's epochs, written by rank 0 before an epoch's first step, so that a run that goes on from a
// checkpoint, or is repeated, has the same: a SealedLog whose entries are
//   {"epoch":N,"first_step":S,"ingested":M,"checksum":C,"crc":"8 hex digits"}
// Not thread-safe.
class EpochLog {
 public:
  // Opens or creates. DATA_LOSS as ReadEpochLog.
  static absl::StatusOr<EpochLog> Open(const std::string& path);

  // Durable when it returns. An epoch that stands in the log already is not written again.
  absl::Status Append(const EpochEntry& entry);

 private:
  EpochLog(SealedLog log, int64_t last) : log_(std::move(log)), last_(last) {}
  SealedLog log_;
  int64_t last_;  // Number of the newest entry; -1: none.
};

// The entries, by number; a torn last line is dropped. DATA_LOSS that names the line if one is bad
// or numbers or images do not rise; NOT_FOUND without the file.
absl::StatusOr<std::vector<EpochEntry>> ReadEpochLog(const std::string& path);

}  // namespace sluice::ingest
