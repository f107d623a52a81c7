#include "common/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice {
namespace {

absl::Status SystemError(absl::string_view action, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(action, " '", path, "'"));
}

absl::Status WriteAll(int fd, absl::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return SystemError("write", path);
    }
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::Status WriteDurably(const std::string& path, const std::vector<absl::string_view>& pieces) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.is_open()) return SystemError("open", path);
  for (const absl::string_view piece : pieces) {
    SLUICE_RETURN_IF_ERROR(WriteAll(file.get(), piece, path));
  }
  if (::fsync(file.get()) != 0) return SystemError("fsync", path);
  if (file.Close() != 0) return SystemError("close", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return SystemError("open", path);
  std::string contents;
  if (struct stat info{}; ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
    contents.reserve(static_cast<size_t>(info.st_size));
  }
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof(buffer));
    if (n == 0) return contents;
    if (n < 0) {
      if (errno == EINTR) continue;
      return SystemError("read", path);
    }
    contents.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("create folder '", path, "'"));
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return SystemError("open folder", path);
  if (::fsync(folder.get()) != 0) return SystemError("fsync folder", path);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  return WriteFileAtomically(path, std::vector<absl::string_view>{contents});
}

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::vector<absl::string_view>& pieces) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::Status status = WriteDurably(temporary, pieces);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError("rename to", path);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(FolderOf(path));
}

absl::StatusOr<AppendFile> AppendFile::Open(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.is_open()) return SystemError("open", path);
  SLUICE_RETURN_IF_ERROR(SyncFolder(FolderOf(path)));
  return AppendFile(std::move(file), path);
}

absl::Status AppendFile::Append(absl::string_view data) {
  const off_t before = ::lseek(file_.get(), 0, SEEK_END);
  absl::Status status = WriteAll(file_.get(), data, path_);
  if (!status.ok() && before >= 0 && ::ftruncate(file_.get(), before) != 0) {
    return Annotate(status, "left a partial line");
  }
  return status;
}

absl::Status AppendFile::Sync() {
  if (::fdatasync(file_.get()) != 0) return SystemError("fdatasync", path_);
  return absl::OkStatus();
}

}  // namespace sluice
