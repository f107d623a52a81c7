#include "sidecar/store/soundness.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "sidecar/store/schema.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

constexpr char kRow[] = "INSERT INTO directives VALUES('r', 1, '{}', row_check('r', 1, '{}'))";

class Soundness : public ::testing::Test {
 protected:
  Soundness() : database_(*Database::Open(file_)) {
    EXPECT_TRUE(PrepareSchema(database_).ok());
    EXPECT_TRUE(database_.Execute(kRow).ok());
  }
  // What CheckRows says after `sql`.
  absl::Status After(const std::string& sql) {
    EXPECT_TRUE(database_.Execute(sql).ok()) << sql;
    return CheckRows(database_);
  }
  static ::testing::AssertionResult SaysLoss(const absl::Status& status,
                                             std::initializer_list<std::string> parts) {
    return Says(status, absl::StatusCode::kDataLoss, parts);
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_.Path("sluice.db");
  Database database_;
};

TEST_F(Soundness, AStateAsItWasWrittenIsSound) {
  EXPECT_TRUE(CheckPages(database_).ok()) << CheckPages(database_);
  EXPECT_TRUE(CheckRows(database_).ok()) << CheckRows(database_);
}

TEST_F(Soundness, AValueThatChangedIsFoundInItsTable) {
  EXPECT_TRUE(SaysLoss(After("UPDATE directives SET body='{ }'"), {"table directives: 1 rows"}));
  EXPECT_TRUE(After("UPDATE directives SET body='{}'").ok());
  // Equal as numbers and as people read them, but not what was written.
  EXPECT_TRUE(SaysLoss(After("UPDATE directives SET run=x'72'"), {"table directives"}));
}

TEST_F(Soundness, ACheckThatIsMissingOrOfAnotherRowDoesNotHold) {
  ASSERT_TRUE(database_
                  .Execute("INSERT INTO directives VALUES('r', 2, '{}', "
                           "(SELECT row_check FROM directives WHERE version=1))")
                  .ok());
  EXPECT_TRUE(SaysLoss(CheckRows(database_), {"table directives: 1 rows"}));
  EXPECT_TRUE(SaysLoss(After("UPDATE directives SET row_check=0"), {"table directives: 2 rows"}));
  EXPECT_TRUE(After("DELETE FROM directives").ok()) << "no rows are sound, too";
}

TEST_F(Soundness, OtherDefinitionsThanOursAreFound) {
  for (const auto& [make, undo] :
       {std::pair("CREATE INDEX more ON directives(body)", "DROP INDEX more"),
        std::pair("CREATE TABLE more(a)", "DROP TABLE more"),
        std::pair("CREATE VIEW more AS SELECT 1", "DROP VIEW more"),
        std::pair("CREATE TRIGGER more AFTER INSERT ON events BEGIN SELECT 1; END",
                  "DROP TRIGGER more")}) {
    EXPECT_TRUE(SaysLoss(After(make), {"not defined as ours"})) << make;
    EXPECT_TRUE(After(undo).ok()) << undo;
  }
  EXPECT_TRUE(SaysLoss(After("ALTER TABLE directives ADD COLUMN more"), {"not defined as ours"}));
  EXPECT_TRUE(SaysLoss(After("DROP TABLE directives"), {"not defined as ours"}));
}

// Bytes of an index that no row's check covers.
TEST_F(Soundness, AnIndexThatDoesNotMatchItsTableIsFoundByItsPages) {
  const std::string index = *database_.Value(
      "SELECT rootpage FROM sqlite_schema WHERE type='index' AND tbl_name='events'");
  ASSERT_TRUE(database_.Execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  std::string bytes = *ReadFile(file_);
  const size_t page = static_cast<size_t>(std::stoi(index) - 1) * 4096;
  ASSERT_LT(page, bytes.size());
  bytes.replace(page, 16, 16, '\x55');
  const std::string broken = folder_.Write("broken.db", bytes);
  Database damaged = *Database::Open(broken);
  const absl::Status status = CheckPages(damaged);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
}

TEST(SoundnessOfAnythingElse, AFileThatIsNoDatabaseIsALoss) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("other", std::string(8192, 'x'));
  absl::StatusOr<Database> database = Database::Open(path);
  if (!database.ok()) {
    EXPECT_EQ(database.status().code(), absl::StatusCode::kDataLoss);
    return;
  }
  EXPECT_EQ(CheckPages(*database).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckRows(*database).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace sluice::sidecar
