#include "sidecar/store/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sidecar/store/load.h"
#include "sidecar/store/schema.h"
#include "sidecar/store/statements.h"

namespace sluice::sidecar {

struct Store::Statements {
  WriteStatements write;
};

Store::Store(std::string folder, FileDescriptor lock)
    : folder_(std::move(folder)), lock_(std::move(lock)) {}

Store::Store(Store&&) noexcept = default;

// Swapped, so that the old statements end before the old connection, and that before its lock.
Store& Store::operator=(Store&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(lock_, other.lock_);
  std::swap(database_, other.database_);
  std::swap(statements_, other.statements_);
  return *this;
}

Store::~Store() = default;

absl::StatusOr<Store> Store::Open(const std::string& folder) {
  SLUICE_RETURN_IF_ERROR(Annotate(MakeFolder(folder), "state"));
  const std::string path = folder + "/lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.is_open()) return absl::ErrnoToStatus(errno, absl::StrCat("state: open '", path, "'"));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("state: folder '", folder, "' is in use by another sidecar"));
  }
  Store store(folder, std::move(lock));
  SLUICE_RETURN_IF_ERROR(store.Connect());
  return store;
}

absl::Status Store::Connect() {
  statements_.reset();
  database_.reset();
  const std::string path = folder_ + "/sluice.db";
  SLUICE_ASSIGN_OR_RETURN(Database database, Database::Open(path));
  database_ = std::make_unique<Database>(std::move(database));
  SLUICE_RETURN_IF_ERROR(
      Annotate(PrepareSchema(*database_), absl::StrCat("state file '", path, "'")));
  SLUICE_ASSIGN_OR_RETURN(WriteStatements write, WriteStatements::Prepare(*database_));
  statements_ = std::make_unique<Statements>(Statements{std::move(write)});
  return absl::OkStatus();
}

absl::StatusOr<StoredState> Store::Load(size_t windows_per_run) {
  absl::StatusOr<StoredState> state = LoadState(*database_, windows_per_run);
  if (!state.ok()) {
    return Annotate(state.status(), absl::StrCat("state file '", folder_, "/sluice.db'"));
  }
  return state;
}

absl::Status Store::Write(const Changes& changes) {
  WriteStatements& write = statements_->write;
  for (const std::string& run : changes.cleared_runs) SLUICE_RETURN_IF_ERROR(write.ClearRun(run));
  const auto put_all = [&write](const auto& rows) -> absl::Status {
    for (const auto& row : rows) SLUICE_RETURN_IF_ERROR(write.Put(row));
    return absl::OkStatus();
  };
  SLUICE_RETURN_IF_ERROR(put_all(changes.runs));
  SLUICE_RETURN_IF_ERROR(put_all(changes.ranks));
  SLUICE_RETURN_IF_ERROR(put_all(changes.windows));
  SLUICE_RETURN_IF_ERROR(put_all(changes.directives));
  SLUICE_RETURN_IF_ERROR(put_all(changes.decisions));
  SLUICE_RETURN_IF_ERROR(put_all(changes.events));
  return put_all(changes.maps);
}

absl::Status Store::Commit(const Changes& changes) {
  if (statements_ == nullptr) SLUICE_RETURN_IF_ERROR(Connect());
  absl::Status status = database_->Execute("BEGIN IMMEDIATE");
  if (status.ok()) status = Write(changes);
  if (status.ok()) status = database_->Execute("COMMIT");
  if (!status.ok()) {
    statements_.reset();
    database_.reset();
  }
  return status;
}

}  // namespace sluice::sidecar
