#include "sidecar/store/database.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/store/row_check.h"

namespace sluice::sidecar {

absl::Status SqliteError(int code, const std::string& message) {
  const std::string text = absl::StrCat(message, " (code ", code, ")");
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
      return absl::UnavailableError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::AbortedError(text);
    default:
      return absl::UnknownError(text);
  }
}

Statement& Statement::Bind(int index, const std::string& text) {
  sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::Bind(int index, uint64_t value) {
  sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(value));
  return *this;
}

Statement& Statement::Bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
  return *this;
}

Statement& Statement::BindBlob(int index, const std::string& bytes) {
  sqlite3_bind_blob(statement_.get(), index, bytes.data(), static_cast<int>(bytes.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(code,
                     absl::StrCat("SQLite: ", sqlite3_errmsg(sqlite3_db_handle(statement_.get()))));
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  sqlite3_reset(statement_.get());
  return row.status();
}

std::string Statement::Text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

uint64_t Statement::Integer(int column) const {
  return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

double Statement::Real(int column) const { return sqlite3_column_double(statement_.get(), column); }

absl::StatusOr<Database> Database::Open(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

absl::StatusOr<Database> Database::OpenToRead(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READONLY);
}

absl::StatusOr<Database> Database::OpenWith(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle, path);
  if (code != SQLITE_OK) return database.Error("open");
  sqlite3_extended_result_codes(handle, 1);
  SLUICE_RETURN_IF_ERROR(RegisterRowCheck(handle));
  return database;
}

absl::Status Database::Error(const std::string& action) const {
  return SqliteError(
      sqlite3_extended_errcode(handle_.get()),
      absl::StrCat("state file '", path_, "': ", action, ": ", sqlite3_errmsg(handle_.get())));
}

absl::Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Error(sql.substr(0, 40));
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> Database::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return Error(sql.substr(0, 40));
  }
  return Statement(statement);
}

absl::StatusOr<std::string> Database::Value(const std::string& sql) {
  SLUICE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  SLUICE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Text(0) : std::string();
}

void Database::KeepLog(bool keep) {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

}  // namespace sluice::sidecar
