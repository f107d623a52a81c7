#include "sidecar/store/upgrade.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/store/tables.h"

namespace sluice::sidecar {
namespace {

struct OldTable {
  const char* name;  // In both versions, but for decisions.
  const char* target;
  const char* columns;  // Of the old one, in the order of the target's.
};

constexpr OldTable kOldTables[] = {
    {"runs", "runs", "run, epoch, holder, generation, version, activity, body"},
    {"ranks", "ranks",
     "run, rank, epoch, generation, incarnation, seq, last_step, ended, coalesced, steps, "
     "images_open, images_skipped, counters"},
    {"marks", "marks", "run, rank, window_end, step, counters"},
    {"windows", "windows",
     "run, row_number() OVER (PARTITION BY run ORDER BY id), first_step, last_step, coverage, "
     "directive_version, body"},
    {"directives", "directives", "run, version, body"},
    {"decisions", "journal",
     "run, row_number() OVER (PARTITION BY run ORDER BY id), step, 'window', directive_version, "
     "'', body, reason"},
    {"events", "events", "run, kind, key, step, body"},
};

const Table& Find(const std::string& name) {
  for (const Table& table : kTables) {
    if (name == table.name) return table;
  }
  SLUICE_CHECK(false);
}

absl::Status Copy(const OldTable& old, Database& database) {
  const Table& table = Find(old.target);
  // Named, so that the check sees each value once it is computed.
  SLUICE_RETURN_IF_ERROR(database.Execute(
      absl::StrCat("INSERT INTO ", old.target, " WITH former(", table.columns, ") AS (SELECT ",
                   old.columns, " FROM old_", old.name, ") SELECT ", table.columns, ", row_check(",
                   table.columns, ") FROM former")));
  return database.Execute(absl::StrCat("DROP TABLE old_", old.name));
}

absl::Status UpgradeInside(const std::string& id, Database& database) {
  SLUICE_RETURN_IF_ERROR(database.Execute("DROP INDEX IF EXISTS windows_by_run"));
  SLUICE_RETURN_IF_ERROR(database.Execute("DROP INDEX IF EXISTS decisions_by_run"));
  for (const OldTable& old : kOldTables) {
    SLUICE_RETURN_IF_ERROR(
        database.Execute(absl::StrCat("ALTER TABLE ", old.name, " RENAME TO old_", old.name)));
  }
  for (const Table& table : kTables) SLUICE_RETURN_IF_ERROR(database.Execute(CreateSql(table)));
  for (const OldTable& old : kOldTables) SLUICE_RETURN_IF_ERROR(Copy(old, database));
  SLUICE_ASSIGN_OR_RETURN(Statement identity, database.Prepare(PutSql("identity")));
  SLUICE_RETURN_IF_ERROR(identity.Bind(1, uint64_t{1})
                             .Bind(2, id)
                             .Bind(3, uint64_t{kSchemaVersion})
                             .Bind(4, uint64_t{0})
                             .Run());
  return database.Execute(absl::StrCat("PRAGMA user_version=", kSchemaVersion));
}

}  // namespace

absl::Status UpgradeFromVersion1(const std::string& id, Database& database) {
  SLUICE_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  SLUICE_RETURN_IF_ERROR(UpgradeInside(id, database));
  SLUICE_RETURN_IF_ERROR(database.Execute("COMMIT"));
  // The file was made without the means to give freed pages back.
  SLUICE_RETURN_IF_ERROR(database.Execute("PRAGMA auto_vacuum=INCREMENTAL"));
  return database.Execute("VACUUM");
}

}  // namespace sluice::sidecar
