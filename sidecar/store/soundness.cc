#include "sidecar/store/soundness.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status.h"
#include "sidecar/store/tables.h"

namespace sluice::sidecar {
namespace {

constexpr char kDefinitions[] =
    "SELECT group_concat(type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, ''), "
    "x'0a') FROM (SELECT * FROM sqlite_schema ORDER BY name)";

absl::StatusOr<std::string> ExpectedDefinitions() {
  SLUICE_ASSIGN_OR_RETURN(Database scratch, Database::Open(":memory:"));
  for (const Table& table : kTables) {
    SLUICE_RETURN_IF_ERROR(scratch.Execute(CreateSql(table)));
  }
  return scratch.Value(kDefinitions);
}

// A statement that cannot even be made or run on a sound schema: then it is not sound.
absl::StatusOr<std::string> ValueOrLoss(Database& database, const std::string& sql) {
  const absl::StatusOr<std::string> value = database.Value(sql);
  if (value.ok() || value.status().code() != absl::StatusCode::kUnknown) return value;
  return absl::DataLossError(value.status().message());
}

}  // namespace

absl::Status CheckPages(Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const std::string verdict,
                          ValueOrLoss(database, "PRAGMA integrity_check(1)"));
  if (verdict == "ok") return absl::OkStatus();
  // SQLite says more than one line.
  return absl::DataLossError(absl::StrReplaceAll(verdict, {{"\n", " "}}));
}

absl::Status CheckRows(Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const std::string expected, ExpectedDefinitions());
  SLUICE_ASSIGN_OR_RETURN(const std::string found, ValueOrLoss(database, kDefinitions));
  if (found != expected) return absl::DataLossError("the tables are not defined as ours are");
  for (const Table& table : kTables) {
    const std::string wrong =
        absl::StrCat("SELECT count(*) FROM ", table.name, " WHERE row_check IS NOT row_check(",
                     table.columns, ")");
    SLUICE_ASSIGN_OR_RETURN(const std::string count, ValueOrLoss(database, wrong));
    if (count != "0") {
      return absl::DataLossError(
          absl::StrCat("table ", table.name, ": ", count, " rows are not what was written"));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::sidecar
