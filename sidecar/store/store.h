#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"
#include "sidecar/engine/records.h"
#include "sidecar/store/commit_mark.h"
#include "sidecar/store/database.h"
#include "sidecar/store/quarantine.h"
#include "sidecar/store/schema.h"

namespace sluice::sidecar {

struct StoreOptions {
  int64_t max_mb = 512;  // `history.max_mb`: MiB of the file above which the oldest history goes.
};

// The sidecar's durable state: one SQLite file, one connection, used by one thread. Move-only.
//
// A file that is found corrupt, at the start or by a commit, is set aside under another name with
// its log and never deleted; a new one begins, and the quarantine is written into that. Corrupt is:
// what SQLite says is; a row that is not what was written; a state that has had fewer commits than
// the file `mark` says. A file of a newer version or of another program, or one that cannot be
// read, is an error and stays.
//
// A failed write or sync is never trusted to have done half: the connection is closed, a new one
// moves all of the log into the file, which writes each page of it once more, and only when that is
// synced does a commit succeed again.
class Store {
 public:
  // Opens `folder`/sluice.db, making both if need be, and locks the folder against a second
  // sidecar. An error is one line that names the folder or the file and what is wrong.
  static absl::StatusOr<Store> Open(const std::string& folder, const StoreOptions& options = {});
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Everything that was committed.
  absl::StatusOr<StoredState> Load();
  // One transaction: on OK it is durable; after an error it may or may not be, and writing it again
  // is writing it once. DATA_LOSS: the file is corrupt; the caller calls SetAside next.
  absl::Status Commit(const Changes& changes);
  // Puts a new, empty state in place of the present one. The caller writes all that it knows next.
  absl::Status SetAside(const std::string& reason);

  const std::vector<Quarantine>& quarantines() const { return quarantines_; }
  // Of the file that hold something, as of the last look.
  uint64_t used_bytes() const { return used_bytes_; }

 private:
  struct Statements;
  Store(std::string folder, const StoreOptions& options, FileDescriptor lock, CommitMark mark);
  std::string File() const { return folder_ + "/sluice.db"; }
  absl::Status Connect(bool thorough);
  absl::Status CheckMark(const StateIdentity& identity) const;
  bool IsGone() const;
  absl::Status ConnectOrSetAside();
  absl::Status Write(const Changes& changes);
  absl::Status Transact(const Changes& changes);
  absl::Status Maintain();
  void WriteMark(const Changes& changes);
  void Disconnect();

  std::string folder_;
  StoreOptions options_;
  FileDescriptor lock_;
  CommitMark mark_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
  StateIdentity identity_;
  uint64_t highest_epoch_ = 0;
  std::vector<Quarantine> quarantines_;
  uint64_t used_bytes_ = 0;
};

}  // namespace sluice::sidecar
