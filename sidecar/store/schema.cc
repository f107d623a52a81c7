#include "sidecar/store/schema.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"
#include "sidecar/store/soundness.h"
#include "sidecar/store/tables.h"
#include "sidecar/store/upgrade.h"

namespace sluice::sidecar {
namespace {

constexpr int kApplicationId = 0x534c5543;  // "SLUC"

// What the file's head says of itself.
struct Head {
  std::string version, owner, tables;
};

std::string NewId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x", random(), random(), random());
}

// Only where a sound row says that the head ought to be ours is a head that is not a flipped bit.
bool IsOursByIdentity(Database& database) {
  const auto version = database.Value(
      "SELECT version FROM identity WHERE row_check IS row_check(one, id, version, commits)");
  return version.ok() && *version == std::to_string(kSchemaVersion);
}

absl::Status CheckHead(const Head& head, Database& database) {
  const std::string found =
      absl::StrCat("application_id is ", head.owner, " and user_version ", head.version,
                   ", expected ", kApplicationId, " and 1 or ", kSchemaVersion);
  const bool is_old = head.version == "1";
  if (head.owner == std::to_string(kApplicationId)) {
    if (head.version == std::to_string(kSchemaVersion)) return absl::OkStatus();
    if (is_old && !IsOursByIdentity(database)) return absl::OkStatus();
  }
  if (IsOursByIdentity(database)) return absl::DataLossError(found);
  return absl::FailedPreconditionError(found);
}

absl::Status CreateTables(Database& database) {
  SLUICE_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  for (const Table& table : kTables) SLUICE_RETURN_IF_ERROR(database.Execute(CreateSql(table)));
  SLUICE_ASSIGN_OR_RETURN(Statement identity, database.Prepare(PutSql("identity")));
  SLUICE_RETURN_IF_ERROR(identity.Bind(1, uint64_t{1})
                             .Bind(2, NewId())
                             .Bind(3, uint64_t{kSchemaVersion})
                             .Bind(4, uint64_t{0})
                             .Run());
  SLUICE_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA application_id=", kApplicationId)));
  SLUICE_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version=", kSchemaVersion)));
  return database.Execute("COMMIT");
}

absl::StatusOr<StateIdentity> ReadIdentity(Database& database) {
  SLUICE_ASSIGN_OR_RETURN(Statement rows, database.Prepare("SELECT id, commits FROM identity"));
  SLUICE_ASSIGN_OR_RETURN(const bool any, rows.Step());
  if (!any) return absl::DataLossError("table identity: the row is gone");
  return StateIdentity{rows.Text(0), rows.Integer(1)};
}

absl::Status SetUp(bool is_new, Database& database) {
  // In a file without tables yet: freed pages can be given back.
  if (is_new) SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA auto_vacuum=INCREMENTAL"));
  SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode=WAL"));
  SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA synchronous=FULL"));
  // A log that a large transaction made long is cut again.
  return database.Execute("PRAGMA journal_size_limit=8388608");
}

// A file that SQLite takes for one that may only be read says so here, not at the first commit.
absl::Status CheckWritable(Database& database) {
  const absl::Status begun = database.Execute("BEGIN IMMEDIATE");
  // Another connection's lock passes.
  if (begun.code() == absl::StatusCode::kAborted) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(begun);
  return database.Execute("ROLLBACK");
}

}  // namespace

absl::StatusOr<StateIdentity> PrepareSchema(Database& database, bool thorough) {
  database.KeepLog(true);
  if (thorough) SLUICE_RETURN_IF_ERROR(CheckPages(database));
  Head head;
  SLUICE_ASSIGN_OR_RETURN(head.version, database.Value("PRAGMA user_version"));
  SLUICE_ASSIGN_OR_RETURN(head.owner, database.Value("PRAGMA application_id"));
  SLUICE_ASSIGN_OR_RETURN(head.tables, database.Value("SELECT count(*) FROM sqlite_schema"));
  const bool is_new = head.tables == "0" && head.version == "0";
  const bool is_old = head.version == "1";
  if (!is_new) SLUICE_RETURN_IF_ERROR(CheckHead(head, database));
  if (!is_new && !is_old && thorough) SLUICE_RETURN_IF_ERROR(CheckRows(database));
  database.KeepLog(false);
  SLUICE_RETURN_IF_ERROR(SetUp(is_new, database));
  if (is_new) SLUICE_RETURN_IF_ERROR(CreateTables(database));
  if (is_old) SLUICE_RETURN_IF_ERROR(UpgradeFromVersion1(NewId(), database));
  if (thorough) SLUICE_RETURN_IF_ERROR(CheckWritable(database));
  return ReadIdentity(database);
}

}  // namespace sluice::sidecar
