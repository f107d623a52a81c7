#include "sidecar/store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

class Schema : public ::testing::Test {
 protected:
  absl::Status Prepare() {
    Database database = *Database::Open(file_);
    return PrepareSchema(database).status();
  }
  void Execute(const std::string& sql) {
    ASSERT_TRUE(Database::Open(file_)->Execute(sql).ok()) << sql;
  }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path() + "/sluice.db";
};

TEST_F(Schema, EveryCommitIsDurable) {
  Database database = *Database::Open(file_);
  ASSERT_TRUE(PrepareSchema(database).ok());
  EXPECT_EQ(*database.Value("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*database.Value("PRAGMA synchronous"), "2");  // FULL
}

TEST_F(Schema, AFileOfOursIsTakenAsItIs) {
  ASSERT_TRUE(Prepare().ok());
  Execute("INSERT INTO directives VALUES('r', 1, '{}', row_check('r', 1, '{}'))");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*Database::Open(file_)->Value("SELECT count(*) FROM directives"), "1");
}

TEST_F(Schema, ANewerVersionIsRefusedAndLeftAlone) {
  ASSERT_TRUE(Prepare().ok());
  Execute("PRAGMA user_version=3");
  // As a newer program would; else the head is one that a flipped bit changed.
  EXPECT_EQ(Prepare().code(), absl::StatusCode::kDataLoss);
  Execute("UPDATE identity SET version=3, row_check=row_check(one, id, 3, commits)");
  const absl::Status status = Prepare();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("user_version 3"));
  EXPECT_EQ(*Database::Open(file_)->Value("PRAGMA user_version"), "3");
}

TEST_F(Schema, ARowOrATableThatIsNotAsWrittenIsFound) {
  ASSERT_TRUE(Prepare().ok());
  Execute("INSERT INTO directives VALUES('r', 1, '{}', row_check('r', 1, '{}'))");
  Execute("UPDATE directives SET version=2");
  EXPECT_THAT(std::string(Prepare().message()), HasSubstr("table directives: 1 rows"));
  Execute("DELETE FROM directives");
  ASSERT_TRUE(Prepare().ok());
  Execute("CREATE INDEX more ON events(step)");
  EXPECT_EQ(Prepare().code(), absl::StatusCode::kDataLoss);
}

// A page in the middle of the file: neither its head nor the list of tables shows it.
TEST_F(Schema, ABrokenPageIsFoundBeforeAnythingIsWritten) {
  ASSERT_TRUE(Prepare().ok());
  for (int i = 0; i < 4; ++i) {
    Execute("INSERT INTO directives VALUES('r', " + std::to_string(i) + ", '" +
            std::string(3000, 'x') + "', 0)");
  }
  const int page = std::stoi(
      *Database::Open(file_)->Value("SELECT rootpage FROM sqlite_schema WHERE name='directives'"));
  Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  std::string bytes = *ReadFile(file_);
  bytes.replace(static_cast<size_t>(page - 1) * 4096, 64, 64, '\xee');
  ASSERT_TRUE(WriteFileAtomically(file_, bytes).ok());
  EXPECT_EQ(Prepare().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*ReadFile(file_), bytes);
}

}  // namespace
}  // namespace sluice::sidecar
