#include "sidecar/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "sidecar/engine/faults.h"
#include "sidecar/store/load.h"
#include "sidecar/store/retention.h"
#include "sidecar/store/statements.h"

namespace sluice::sidecar {
namespace {

// Commits between two looks at the file's size.
constexpr uint64_t kMaintainEvery = 64;

}  // namespace

struct Store::Statements {
  WriteStatements write;
};

Store::Store(std::string folder, const StoreOptions& options, FileDescriptor lock, CommitMark mark)
    : folder_(std::move(folder)),
      options_(options),
      lock_(std::move(lock)),
      mark_(std::move(mark)) {
  if (mark_.last().has_value()) highest_epoch_ = mark_.last()->epoch;
}

Store::Store(Store&&) noexcept = default;

// Swapped, so that the old statements end before the old connection, and that before its lock.
Store& Store::operator=(Store&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(options_, other.options_);
  std::swap(lock_, other.lock_);
  std::swap(mark_, other.mark_);
  std::swap(database_, other.database_);
  std::swap(statements_, other.statements_);
  std::swap(identity_, other.identity_);
  std::swap(highest_epoch_, other.highest_epoch_);
  std::swap(quarantines_, other.quarantines_);
  std::swap(used_bytes_, other.used_bytes_);
  return *this;
}

Store::~Store() = default;

absl::StatusOr<Store> Store::Open(const std::string& folder, const StoreOptions& options) {
  SLUICE_RETURN_IF_ERROR(Annotate(MakeFolder(folder), "state"));
  const std::string path = folder + "/lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.is_open()) return absl::ErrnoToStatus(errno, absl::StrCat("state: open '", path, "'"));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("state: folder '", folder, "' is in use by another sidecar"));
  }
  SLUICE_ASSIGN_OR_RETURN(CommitMark mark, CommitMark::Open(folder));
  Store store(folder, options, std::move(lock), std::move(mark));
  SLUICE_RETURN_IF_ERROR(store.ConnectOrSetAside());
  return store;
}

// The file is not there or empty. SQLite would then delete its log.
bool Store::IsGone() const {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(File(), error);
  return error || size == 0;
}

absl::Status Store::ConnectOrSetAside() {
  if (mark_.last().has_value() && mark_.last()->commits > 0 && IsGone()) {
    return SetAside(absl::StrCat("state file '", File(), "': it is gone or empty, and the file ",
                                 "'mark' says that it has had ", mark_.last()->commits,
                                 " commits"));
  }
  const absl::Status status = Connect(true);
  if (status.code() != absl::StatusCode::kDataLoss) return status;
  return SetAside(std::string(status.message()));
}

void Store::Disconnect() {
  statements_.reset();
  database_.reset();
}

absl::Status Store::CheckMark(const StateIdentity& identity) const {
  if (!mark_.last().has_value() || mark_.last()->commits == 0) return absl::OkStatus();
  const StateMark& mark = *mark_.last();
  if (identity.id == mark.id && identity.commits >= mark.commits) return absl::OkStatus();
  // Another state that has been written to was put here by somebody who knew why.
  if (identity.id != mark.id && identity.commits > 0) return absl::OkStatus();
  return absl::DataLossError(
      identity.id == mark.id
          ? absl::StrCat("it has had ", identity.commits, " commits, and the file 'mark' says ",
                         mark.commits, ": the last ones are lost")
          : absl::StrCat("it is new, and the file 'mark' says that there was one with ",
                         mark.commits, " commits: that is gone"));
}

absl::Status Store::Connect(bool thorough) {
  Disconnect();
  SLUICE_ASSIGN_OR_RETURN(Database database, Database::Open(File()));
  database_ = std::make_unique<Database>(std::move(database));
  absl::StatusOr<StateIdentity> identity = PrepareSchema(*database_, thorough);
  absl::Status status = identity.status();
  // What makes no sense in a file that may be written is damage, whatever SQLite calls it.
  if (status.code() == absl::StatusCode::kUnknown && ::access(File().c_str(), W_OK) == 0) {
    status = absl::DataLossError(status.message());
  }
  if (status.ok()) status = CheckMark(*identity);
  if (!status.ok()) {
    // Its log stays beside it.
    database_->KeepLog(true);
    Disconnect();
    return Annotate(status, absl::StrCat("state file '", File(), "'"));
  }
  identity_ = *std::move(identity);
  if (!thorough) {
    // Whatever a failed sync left unwritten is written again by this, and must succeed.
    SLUICE_ASSIGN_OR_RETURN(const std::string busy,
                            database_->Value("PRAGMA wal_checkpoint(TRUNCATE)"));
    if (busy != "0") return absl::AbortedError("state file: the log is in use");
  }
  SLUICE_ASSIGN_OR_RETURN(quarantines_, LoadQuarantines(*database_));
  SLUICE_ASSIGN_OR_RETURN(used_bytes_, UsedBytes(*database_));
  SLUICE_ASSIGN_OR_RETURN(WriteStatements write, WriteStatements::Prepare(*database_));
  statements_ = std::make_unique<Statements>(Statements{std::move(write)});
  return absl::OkStatus();
}

absl::Status Store::SetAside(const std::string& reason) {
  const std::vector<Quarantine> before = quarantines_;
  if (database_ != nullptr) database_->KeepLog(true);
  Disconnect();
  SLUICE_ASSIGN_OR_RETURN(const std::string name, sidecar::SetAside(folder_));
  // The mark is of the state that is gone; its epoch still counts.
  SLUICE_RETURN_IF_ERROR(mark_.Write({"", 0, highest_epoch_}));
  spdlog::error("{}; set aside as '{}', a new state begins", reason, name);
  SLUICE_RETURN_IF_ERROR(Connect(true));
  WriteStatements& write = statements_->write;
  for (const Quarantine& earlier : before) SLUICE_RETURN_IF_ERROR(write.Put(earlier));
  SLUICE_RETURN_IF_ERROR(write.Put(Quarantine{name.empty() ? "(gone)" : name, reason}));
  SLUICE_ASSIGN_OR_RETURN(quarantines_, LoadQuarantines(*database_));
  return absl::OkStatus();
}

absl::StatusOr<StoredState> Store::Load() {
  absl::StatusOr<StoredState> state = LoadState(*database_);
  if (!state.ok()) {
    return Annotate(state.status(), absl::StrCat("state file '", File(), "'"));
  }
  for (const RunRecord& run : state->runs) highest_epoch_ = std::max(highest_epoch_, run.epoch);
  // Where nothing was lost, runs know their own epochs.
  if (!quarantines_.empty()) state->epoch_floor = highest_epoch_;
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
  SLUICE_FAILPOINT("amid_write");
  SLUICE_RETURN_IF_ERROR(put_all(changes.windows));
  SLUICE_RETURN_IF_ERROR(put_all(changes.directives));
  SLUICE_RETURN_IF_ERROR(put_all(changes.journal));
  SLUICE_RETURN_IF_ERROR(put_all(changes.events));
  SLUICE_RETURN_IF_ERROR(put_all(changes.maps));
  if (!changes.acknowledge_quarantine) return absl::OkStatus();
  for (Quarantine& quarantine : quarantines_) {
    quarantine.acknowledged = true;
    SLUICE_RETURN_IF_ERROR(write.Put(quarantine));
  }
  return absl::OkStatus();
}

absl::Status Store::Maintain() {
  if (identity_.commits % kMaintainEvery != 0) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(KeepUnder(static_cast<uint64_t>(options_.max_mb) << 20, *database_));
  SLUICE_ASSIGN_OR_RETURN(used_bytes_, UsedBytes(*database_));
  return absl::OkStatus();
}

absl::Status Store::Transact(const Changes& changes) {
  SLUICE_FAILPOINT("before_begin");
  SLUICE_RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
  SLUICE_RETURN_IF_ERROR(Write(changes));
  ++identity_.commits;
  SLUICE_RETURN_IF_ERROR(statements_->write.Put(identity_));
  SLUICE_RETURN_IF_ERROR(Maintain());
  SLUICE_FAILPOINT("before_commit");
  return database_->Execute("COMMIT");
}

void Store::WriteMark(const Changes& changes) {
  for (const RunRecord& run : changes.runs) highest_epoch_ = std::max(highest_epoch_, run.epoch);
  const absl::Status status = mark_.Write({identity_.id, identity_.commits, highest_epoch_});
  // It then lags behind the state, which says nothing wrong.
  if (!status.ok()) spdlog::warn("{}", status.ToString());
}

absl::Status Store::Commit(const Changes& changes) {
  if (statements_ == nullptr) SLUICE_RETURN_IF_ERROR(Connect(false));
  const absl::Status status = Transact(changes);
  if (status.ok()) {
    WriteMark(changes);
  } else {
    // Its log stays as it is: the next connection sees to it.
    database_->KeepLog(true);
    Disconnect();
  }
  return status;
}

}  // namespace sluice::sidecar
