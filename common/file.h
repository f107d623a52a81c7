#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/file_descriptor.h"

namespace sluice {

// Whole contents of a file. NOT_FOUND or another code with the path and the system's message.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Creates a folder and its parents. OK if it is there already.
absl::Status MakeFolder(const std::string& path);

// Replaces `path` by a file with `contents` so that a crash leaves the old file or the new one,
// never a mix: temporary file in the same folder, fsync, rename, fsync of the folder. On an error
// the old file stays and the temporary one is removed.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);
// The same with contents in pieces, one behind the other, so that large ones need not be copied
// together.
absl::Status WriteFileAtomically(const std::string& path,
                                 const std::vector<absl::string_view>& pieces);

// fsync of a folder, which makes a rename or a new file in it durable.
absl::Status SyncFolder(const std::string& path);

// A log that only grows. Not thread-safe. Move-only.
class AppendFile {
 public:
  // Opens for appending; creates the file if need be and makes its folder entry durable.
  static absl::StatusOr<AppendFile> Open(const std::string& path);
  // Appends all of `data`; on an error the file is cut back to its former length where the system
  // allows it.
  absl::Status Append(absl::string_view data);
  // Makes what was appended durable (fdatasync).
  absl::Status Sync();

 private:
  AppendFile(FileDescriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::string path_;
};

}  // namespace sluice
