#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"
#include "worker/ingest/spool_record.h"

namespace sluice::ingest {

// An image to be stored: checked, with its class by name.
struct SpoolImage {
  std::string id{};
  std::string class_name{};
  std::string bytes{};
};

// The one writer of a spool. Not thread-safe.
class SpoolWriter {
 public:
  // Opens the spool of `folder`, or creates both. What a crash left of a batch that was never
  // acknowledged is cut off with a warning. FAILED_PRECONDITION if another process writes it;
  // DATA_LOSS, and nothing is cut, if a record is damaged that had been durable.
  static absl::StatusOr<SpoolWriter> Open(const std::string& folder);

  // Stores all of `images`, whose names are new, or none: durable when it returns. After an error
  // other than that of an fsync the spool is as before, and the next batch is welcome;
  // RESOURCE_EXHAUSTED: the disk is full. After a failed fsync nobody knows what is on the disk:
  // it, and every further call, is UNAVAILABLE.
  absl::Status Append(const std::vector<SpoolImage>& images);

  bool Contains(const std::string& id) const { return ids_.count(id) > 0; }
  int64_t images() const { return static_cast<int64_t>(ids_.size()); }
  uint64_t bytes() const { return bytes_; }

 private:
  explicit SpoolWriter(std::string path) : path_(std::move(path)) {}
  absl::Status Recover();
  // Finds what is whole; `bytes_` is its end.
  absl::Status ReadRecords(uint64_t file_bytes);
  // DATA_LOSS if what is not whole had been durable: a later batch begins behind it.
  absl::Status CheckTorn(uint64_t file_bytes) const;
  absl::Status WriteAt(uint64_t offset, absl::string_view data);
  absl::Status Cut();
  absl::Status Failed(int error, const std::string& action) const;

  std::string path_;
  FileDescriptor file_;
  uint64_t bytes_ = 0;  // Of what is whole and durable; the file may have a torn rest behind it.
  std::unordered_set<std::string> ids_;
  absl::Status broken_;
};

}  // namespace sluice::ingest
