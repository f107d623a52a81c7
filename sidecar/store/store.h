#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_descriptor.h"
#include "sidecar/engine/records.h"
#include "sidecar/store/database.h"

namespace sluice::sidecar {

// The sidecar's durable state: one SQLite file, one connection, used by one thread. Move-only.
class Store {
 public:
  // Opens `folder`/sluice.db, making both if need be, and locks the folder against a second
  // sidecar. An error is one line that names the folder or the file and what is wrong; a corrupt
  // file is never touched.
  static absl::StatusOr<Store> Open(const std::string& folder);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Everything that was committed; of windows the newest `windows_per_run`.
  absl::StatusOr<StoredState> Load(size_t windows_per_run);
  // One transaction: on OK it is durable, on an error nothing of it is. After an error the
  // connection is opened anew, so that no page of the failed transaction is trusted.
  absl::Status Commit(const Changes& changes);

 private:
  struct Statements;
  Store(std::string folder, FileDescriptor lock);
  absl::Status Connect();
  absl::Status Write(const Changes& changes);

  std::string folder_;
  FileDescriptor lock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace sluice::sidecar
