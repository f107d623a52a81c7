#include "sidecar/store/tables.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::sidecar {

std::string CreateSql(const Table& table) {
  return absl::StrCat("CREATE TABLE ", table.name, "(", table.definition, ")",
                      table.large_rows ? "" : " WITHOUT ROWID");
}

std::string PutSql(const std::string& table) {
  for (const Table& known : kTables) {
    if (table != known.name) continue;
    std::string parameters;
    for (int i = 1; i <= known.column_count; ++i) {
      absl::StrAppend(&parameters, i == 1 ? "?" : ", ?", i);
    }
    return absl::StrCat("INSERT OR REPLACE INTO ", table, " VALUES(", parameters, ", row_check(",
                        parameters, "))");
  }
  SLUICE_CHECK(false);
}

}  // namespace sluice::sidecar
