#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::sidecar {

// What SQLite's result code means; see Database::Open.
absl::Status SqliteError(int code, const std::string& message);

// One prepared statement. Parameters count from 1, columns from 0. Not thread-safe.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}

  Statement& Bind(int index, const std::string& text);
  Statement& Bind(int index, uint64_t value);
  Statement& Bind(int index, double value);
  Statement& BindBlob(int index, const std::string& bytes);

  // True: a row is there. False: there are no more.
  absl::StatusOr<bool> Step();
  // Runs to the end and makes the statement ready for the next parameters.
  absl::Status Run();

  std::string Text(int column) const;  // Also for blobs.
  uint64_t Integer(int column) const;
  double Real(int column) const;

 private:
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

// One connection to one SQLite file. Not thread-safe. Move-only.
class Database {
 public:
  // Opens or creates the file. An error, here and below, names the path and what SQLite said.
  // Its code: DATA_LOSS if SQLite finds the file corrupt, RESOURCE_EXHAUSTED on a full disk,
  // UNAVAILABLE if the file cannot be read, written or synced, ABORTED if another connection locks
  // it, else UNKNOWN.
  static absl::StatusOr<Database> Open(const std::string& path);
  // The same for reading alone; the file must be there.
  static absl::StatusOr<Database> OpenToRead(const std::string& path);

  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(const std::string& sql);
  // First column of the first row, as text; for PRAGMAs.
  absl::StatusOr<std::string> Value(const std::string& sql);
  // Whether closing leaves the log of a crash as it is instead of moving it into the file, which is
  // what SQLite does.
  void KeepLog(bool keep);

 private:
  Database(sqlite3* handle, std::string path)
      : handle_(handle, &sqlite3_close_v2), path_(std::move(path)) {}
  static absl::StatusOr<Database> OpenWith(const std::string& path, int flags);
  absl::Status Error(const std::string& action) const;

  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
  std::string path_;
};

}  // namespace sluice::sidecar
