#include "worker/ingest/spool_reader.h"

#include <fcntl.h>
#include <zlib.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::ingest {

SpoolReader::SpoolReader(const std::string& folder, const std::vector<std::string>& class_names,
                         data::ReadImageOptions read)
    : path_((std::filesystem::path(folder) / kSpoolName).string()), read_(read) {
  for (size_t i = 0; i < class_names.size(); ++i) labels_[class_names[i]] = static_cast<int64_t>(i);
}

absl::Status SpoolReader::Grow(int64_t images) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (images <= static_cast<int64_t>(entries_.size())) return absl::OkStatus();
  // Opened anew: what another machine's file system shows of a file is settled when it is opened.
  auto file = std::make_shared<FileDescriptor>(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->is_open()) {
    return absl::UnavailableError(
        absl::StrCat("open: ", absl::ErrnoToStatus(errno, path_).message()));
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t file_bytes, FileBytes(file->get()));
  while (static_cast<int64_t>(entries_.size()) < images) {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<SpoolRecord> record,
                            ReadRecord(file->get(), end_, file_bytes));
    if (!record) {
      return absl::UnavailableError(absl::StrCat("spool '", path_, "' has ", entries_.size(),
                                                 " whole images, expected ", images));
    }
    const auto label = labels_.find(record->class_name);
    if (label == labels_.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "spool '", path_, "': image '", record->id, "' has class '", record->class_name,
          "', expected one of the ", labels_.size(), " of data.*"));
    }
    entries_.push_back({record->offset, label->second});
    checksum_ = static_cast<uint32_t>(
        crc32(checksum_, reinterpret_cast<const Bytef*>(&record->head_crc), sizeof(uint32_t)));
    end_ = record->end();
  }
  file_ = std::move(file);
  return absl::OkStatus();
}

int64_t SpoolReader::images() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

uint32_t SpoolReader::checksum() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return checksum_;
}

absl::StatusOr<SpoolReader::Found> SpoolReader::Find(int64_t position) const {
  Found found;
  Entry entry;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    SLUICE_CHECK(position >= 0 && position < static_cast<int64_t>(entries_.size()));
    entry = entries_[static_cast<size_t>(position)];
    found.file = file_;
  }
  found.label = entry.label;
  SLUICE_ASSIGN_OR_RETURN(const uint64_t file_bytes, FileBytes(found.file->get()));
  SLUICE_ASSIGN_OR_RETURN(std::optional<SpoolRecord> record,
                          ReadRecord(found.file->get(), entry.offset, file_bytes));
  if (!record) {
    return absl::DataLossError(
        absl::StrCat("spool '", path_, "': no record stands at byte ", entry.offset, " any more"));
  }
  found.record = *std::move(record);
  return found;
}

absl::StatusOr<data::Sample> SpoolReader::Get(int64_t position) const {
  SLUICE_ASSIGN_OR_RETURN(const Found found, Find(position));
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ReadImageBytes(found.file->get(), found.record));
  absl::StatusOr<data::Image> image = data::ImageFromBytes(bytes, read_);
  if (!image.ok())
    return Annotate(image.status(), absl::StrCat("ingested image '", found.record.id, "'"));
  return data::Sample{*std::move(image), found.label,
                      kIngestedIds + static_cast<uint64_t>(position)};
}

absl::StatusOr<std::string> SpoolReader::NameOf(int64_t position) const {
  SLUICE_ASSIGN_OR_RETURN(const Found found, Find(position));
  return found.record.id;
}

}  // namespace sluice::ingest
