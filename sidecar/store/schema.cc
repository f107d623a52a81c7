#include "sidecar/store/schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

constexpr int kVersion = 1;
constexpr int kApplicationId = 0x534c5543;  // "SLUC"

// Nested values are JSON; counters are the message sluice.v1.Counters, with the numbers that people
// ask for in columns of their own.
constexpr char kTables[] = R"sql(
CREATE TABLE runs(
  run TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL, generation INTEGER NOT NULL,
  version INTEGER NOT NULL, activity INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE ranks(
  run TEXT NOT NULL, rank INTEGER NOT NULL, epoch INTEGER NOT NULL, generation INTEGER NOT NULL,
  incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, last_step INTEGER NOT NULL,
  ended INTEGER NOT NULL, coalesced INTEGER NOT NULL, steps INTEGER NOT NULL,
  images_open INTEGER NOT NULL, images_skipped INTEGER NOT NULL, counters BLOB NOT NULL,
  PRIMARY KEY(run, rank)) WITHOUT ROWID;
CREATE TABLE marks(
  run TEXT NOT NULL, rank INTEGER NOT NULL, window_end INTEGER NOT NULL, step INTEGER NOT NULL,
  counters BLOB NOT NULL, PRIMARY KEY(run, rank, window_end)) WITHOUT ROWID;
CREATE TABLE windows(
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL, coverage REAL NOT NULL, directive_version INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX windows_by_run ON windows(run, id);
CREATE TABLE directives(
  run TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(run, version)) WITHOUT ROWID;
CREATE TABLE decisions(
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, step INTEGER NOT NULL, layer INTEGER NOT NULL,
  directive_version INTEGER NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX decisions_by_run ON decisions(run, id);
CREATE TABLE events(
  run TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY(run, kind, key, step)) WITHOUT ROWID;
)sql";

absl::Status CheckSound(Database& database) {
  const absl::StatusOr<std::string> verdict = database.Value("PRAGMA quick_check(1)");
  if (!verdict.ok()) return absl::DataLossError(verdict.status().message());
  // SQLite says more than one line.
  if (*verdict != "ok") return absl::DataLossError(absl::StrReplaceAll(*verdict, {{"\n", " "}}));
  return absl::OkStatus();
}

absl::Status CreateTables(Database& database) {
  SLUICE_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  SLUICE_RETURN_IF_ERROR(database.Execute(kTables));
  SLUICE_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA application_id=", kApplicationId)));
  SLUICE_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version=", kVersion)));
  return database.Execute("COMMIT");
}

}  // namespace

absl::Status PrepareSchema(Database& database) {
  database.KeepLog(true);
  SLUICE_RETURN_IF_ERROR(CheckSound(database));
  SLUICE_ASSIGN_OR_RETURN(const std::string version, database.Value("PRAGMA user_version"));
  SLUICE_ASSIGN_OR_RETURN(const std::string owner, database.Value("PRAGMA application_id"));
  SLUICE_ASSIGN_OR_RETURN(const std::string tables,
                          database.Value("SELECT count(*) FROM sqlite_schema"));
  const bool is_new = tables == "0" && version == "0";
  if (!is_new && (owner != std::to_string(kApplicationId) || version != std::to_string(kVersion))) {
    return absl::FailedPreconditionError(absl::StrCat("application_id is ", owner,
                                                      " and user_version ", version, ", expected ",
                                                      kApplicationId, " and ", kVersion));
  }
  database.KeepLog(false);
  SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode=WAL"));
  SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA synchronous=FULL"));
  if (is_new) SLUICE_RETURN_IF_ERROR(CreateTables(database));
  return absl::OkStatus();
}

}  // namespace sluice::sidecar
