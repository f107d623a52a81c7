#include "sidecar/store/tables.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "sidecar/store/database.h"
#include "sidecar/store/soundness.h"

namespace sluice::sidecar {
namespace {

TEST(Tables, EveryRowIsWrittenWithACheckThatHoldsAndCanBreak) {
  Database database = *Database::Open(":memory:");
  for (const Table& table : kTables) ASSERT_TRUE(database.Execute(CreateSql(table)).ok());
  ASSERT_TRUE(CheckPages(database).ok());
  for (const Table& table : kTables) {
    Statement put = *database.Prepare(PutSql(table.name));
    Statement types = *database.Prepare(
        absl::StrCat("SELECT type FROM pragma_table_info('", table.name, "') ORDER BY cid"));
    for (int i = 1; i <= table.column_count; ++i) {
      ASSERT_TRUE(*types.Step());
      const std::string type = types.Text(0);
      if (type == "INTEGER") put.Bind(i, static_cast<uint64_t>(i));
      if (type == "REAL") put.Bind(i, 0.5);
      if (type == "TEXT") put.Bind(i, absl::StrCat("text ", i));
      if (type == "BLOB") put.BindBlob(i, "blob");
    }
    ASSERT_TRUE(put.Run().ok()) << table.name;
    EXPECT_TRUE(CheckRows(database).ok()) << table.name << ": " << CheckRows(database);
    const std::string columns = table.columns;
    const std::string last = columns.substr(columns.rfind(' ') + 1);
    ASSERT_TRUE(database.Execute(absl::StrCat("UPDATE ", table.name, " SET ", last, "=99")).ok());
    EXPECT_EQ(CheckRows(database).code(), absl::StatusCode::kDataLoss) << table.name;
    ASSERT_TRUE(database.Execute(absl::StrCat("DELETE FROM ", table.name)).ok());
  }
}

}  // namespace
}  // namespace sluice::sidecar
