#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"
#include "worker/data/dataset.h"
#include "worker/data/read_image.h"
#include "worker/ingest/spool_record.h"

namespace sluice::ingest {

// Reads a spool that another thread or process may be writing: as many records as it was told of.
// Ids of its images are kIngestedIds + their position. Thread-safe.
class SpoolReader {
 public:
  static constexpr uint64_t kIngestedIds = uint64_t{1} << 62;  // Ids of files count from 0.

  // `class_names` in the order of their labels.
  SpoolReader(const std::string& folder, const std::vector<std::string>& class_names,
              data::ReadImageOptions read);

  // Makes the first `images` records known; it never goes back. Never waits for the writer.
  // UNAVAILABLE if the file does not have them (yet: a file system may show them late);
  // FAILED_PRECONDITION if one has a class that `class_names` lacks.
  absl::Status Grow(int64_t images);
  int64_t images() const;
  // Of all known records: the same for two readers that see the same ones.
  uint32_t checksum() const;
  // The record at `position` < images(), decoded, with its label. DATA_LOSS if it is damaged.
  absl::StatusOr<data::Sample> Get(int64_t position) const;
  // The name that the client gave it.
  absl::StatusOr<std::string> NameOf(int64_t position) const;

 private:
  struct Entry {
    uint64_t offset = 0;
    int64_t label = 0;
  };
  struct Found {
    std::shared_ptr<const FileDescriptor> file{};
    SpoolRecord record{};
    int64_t label = 0;
  };
  absl::StatusOr<Found> Find(int64_t position) const;

  const std::string path_;
  const data::ReadImageOptions read_;
  std::map<std::string, int64_t> labels_;
  mutable std::mutex mutex_;  // Guards all below; not held while an image is read.
  std::shared_ptr<const FileDescriptor> file_;
  std::vector<Entry> entries_;
  uint64_t end_ = kSpoolMagic.size();
  uint32_t checksum_ = 0;
};

}  // namespace sluice::ingest
