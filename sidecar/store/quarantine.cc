#include "sidecar/store/quarantine.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

absl::Status Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("state: rename '", from, "' to '", to, "'"));
}

}  // namespace

absl::StatusOr<std::string> SetAside(const std::string& folder) {
  const std::string path = folder + "/sluice.db";
  const bool has_log = Exists(path + "-wal");
  if (!Exists(path) && !has_log) return std::string();
  std::string name;
  for (int n = 1; name.empty() || Exists(folder + "/" + name) ||
                  (has_log && Exists(folder + "/" + name + "-wal"));
       ++n) {
    name = absl::StrCat("sluice.db.corrupt-", n);
  }
  // The log first: a database without its log is found out by the mark, a log without its database
  // would be deleted by SQLite.
  if (has_log) SLUICE_RETURN_IF_ERROR(Rename(path + "-wal", folder + "/" + name + "-wal"));
  if (Exists(path)) SLUICE_RETURN_IF_ERROR(Rename(path, folder + "/" + name));
  ::unlink((path + "-shm").c_str());
  SLUICE_RETURN_IF_ERROR(SyncFolder(folder));
  return name;
}

}  // namespace sluice::sidecar
