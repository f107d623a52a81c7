#include "worker/ingest/spool_writer.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::ingest {

absl::StatusOr<SpoolWriter> SpoolWriter::Open(const std::string& folder) {
  SLUICE_RETURN_IF_ERROR(MakeFolder(folder));
  SpoolWriter writer((std::filesystem::path(folder) / kSpoolName).string());
  writer.file_ = FileDescriptor(::open(writer.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!writer.file_.is_open()) return writer.Failed(errno, "open");
  if (::flock(writer.file_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("spool '", writer.path_, "' is written by another run"));
  }
  SLUICE_RETURN_IF_ERROR(Annotate(writer.Recover(), absl::StrCat("spool '", writer.path_, "'")));
  SLUICE_RETURN_IF_ERROR(SyncFolder(folder));
  const std::string parent = std::filesystem::path(folder).parent_path().string();
  if (!parent.empty()) SLUICE_RETURN_IF_ERROR(SyncFolder(parent));
  return writer;
}

absl::Status SpoolWriter::Recover() {
  SLUICE_ASSIGN_OR_RETURN(const uint64_t file_bytes, FileBytes(file_.get()));
  if (file_bytes < kSpoolMagic.size()) {
    SLUICE_RETURN_IF_ERROR(WriteAt(0, kSpoolMagic));
    bytes_ = kSpoolMagic.size();
  } else {
    std::string magic(kSpoolMagic.size(), '\0');
    if (::pread(file_.get(), magic.data(), magic.size(), 0) < 0) return Failed(errno, "read");
    if (magic != kSpoolMagic)
      return absl::InvalidArgumentError(absl::StrCat("does not begin with ", kSpoolMagic));
    SLUICE_RETURN_IF_ERROR(ReadRecords(file_bytes));
    SLUICE_RETURN_IF_ERROR(CheckTorn(file_bytes));
    if (bytes_ < file_bytes) {
      spdlog::warn("spool '{}': cutting off {} bytes at its end that were never acknowledged",
                   path_, file_bytes - bytes_);
      SLUICE_RETURN_IF_ERROR(Cut());
    }
  }
  return ::fsync(file_.get()) == 0 ? absl::OkStatus() : Failed(errno, "fsync");
}

absl::Status SpoolWriter::ReadRecords(uint64_t file_bytes) {
  std::vector<SpoolRecord> last_batch;
  bytes_ = kSpoolMagic.size();
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<SpoolRecord> record,
                            ReadRecord(file_.get(), bytes_, file_bytes));
    if (!record) break;
    if (!last_batch.empty() && last_batch.back().batch_start != record->batch_start)
      last_batch.clear();
    bytes_ = record->end();
    ids_.insert(record->id);
    last_batch.push_back(*std::move(record));
  }
  // Those before it were durable when it was begun.
  for (size_t i = 0; i < last_batch.size(); ++i) {
    const absl::Status status = ReadImageBytes(file_.get(), last_batch[i]).status();
    if (status.ok()) continue;
    if (!absl::IsDataLoss(status)) return status;
    bytes_ = last_batch[i].offset;
    for (; i < last_batch.size(); ++i) ids_.erase(last_batch[i].id);
  }
  return absl::OkStatus();
}

absl::Status SpoolWriter::CheckTorn(uint64_t file_bytes) const {
  constexpr uint64_t kPiece = 1 << 20;
  std::string piece;
  for (uint64_t at = bytes_; at + kHeadBytes <= file_bytes; at += kPiece) {
    piece.resize(kPiece + sizeof(uint32_t));
    const ssize_t n = ::pread(file_.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (n < 0) return Failed(errno, "read");
    piece.resize(static_cast<size_t>(n));
    for (size_t i = piece.find("SLIM"); i != std::string::npos; i = piece.find("SLIM", i + 1)) {
      SLUICE_ASSIGN_OR_RETURN(const std::optional<SpoolRecord> record,
                              ReadRecord(file_.get(), at + i, file_bytes));
      if (!record || record->batch_start <= bytes_) continue;
      return absl::DataLossError(absl::StrCat("the record at byte ", bytes_,
                                              " is damaged, and was whole when the one at ",
                                              "byte ", record->offset, " was written"));
    }
  }
  return absl::OkStatus();
}

absl::Status SpoolWriter::Append(const std::vector<SpoolImage>& images) {
  SLUICE_RETURN_IF_ERROR(broken_);
  std::string data;
  for (const SpoolImage& image : images)
    data += EncodeRecord(image.id, image.class_name, image.bytes, bytes_);
  if (const absl::Status status = WriteAt(bytes_, data); !status.ok()) {
    // A rest that stays is overwritten by the next batch.
    if (const absl::Status cut = Cut(); !cut.ok()) {
      spdlog::warn("spool: {}", std::string(cut.message()));
    }
    return status;
  }
  if (::fsync(file_.get()) != 0) {
    broken_ = absl::UnavailableError(absl::StrCat(
        Failed(errno, "fsync").message(), "; no image is taken until the run is started again"));
    return broken_;
  }
  bytes_ += data.size();
  for (const SpoolImage& image : images) ids_.insert(image.id);
  return absl::OkStatus();
}

absl::Status SpoolWriter::WriteAt(uint64_t offset, absl::string_view data) {
  if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return Failed(errno, "seek");
  while (!data.empty()) {
    const ssize_t n = ::write(file_.get(), data.data(), data.size());
    if (n < 0 && errno != EINTR) return Failed(errno, "write");
    if (n > 0) data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status SpoolWriter::Cut() {
  return ::ftruncate(file_.get(), static_cast<off_t>(bytes_)) == 0 ? absl::OkStatus()
                                                                   : Failed(errno, "cut");
}

absl::Status SpoolWriter::Failed(int error, const std::string& action) const {
  const std::string what = absl::StrCat(action, " '", path_, "'");
  if (error == EDQUOT || error == ENOSPC)
    return absl::ResourceExhaustedError(absl::ErrnoToStatus(error, what).message());
  return absl::ErrnoToStatus(error, what);
}

}  // namespace sluice::ingest
