#include "sidecar/store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;

TEST(Database, ValuesComeBackExactly) {
  TemporaryFolder folder;
  Database database = *Database::Open(folder.path() + "/db");
  ASSERT_TRUE(database.Execute("CREATE TABLE t(a TEXT, b INTEGER, c REAL, d BLOB)").ok());
  const std::string bytes("a\0'\xff", 4);
  const uint64_t largest = ~uint64_t{0};
  Statement insert = *database.Prepare("INSERT INTO t VALUES(?,?,?,?)");
  for (const double real : {0.1 + 0.2, -0.0}) {  // The statement can be used again after Run.
    ASSERT_TRUE(insert.Bind(1, std::string("ü'"))
                    .Bind(2, largest)
                    .Bind(3, real)
                    .BindBlob(4, bytes)
                    .Run()
                    .ok());
  }
  Statement rows = *database.Prepare("SELECT * FROM t");
  ASSERT_TRUE(*rows.Step());
  EXPECT_EQ(rows.Text(0), "ü'");
  EXPECT_EQ(rows.Integer(1), largest);
  EXPECT_EQ(rows.Real(2), 0.1 + 0.2);
  EXPECT_EQ(rows.Text(3), bytes);
  ASSERT_TRUE(*rows.Step());
  EXPECT_EQ(rows.Real(2), 0.0);
  EXPECT_FALSE(*rows.Step());
}

TEST(Database, ErrorsNameTheFileAndWhatWasTried) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/none/db";
  EXPECT_THAT(std::string(Database::Open(path).status().message()), HasSubstr(path));
  Database database = *Database::Open(folder.path() + "/db");
  const std::string message(database.Execute("INSERT INTO nowhere VALUES(1)").message());
  EXPECT_THAT(message, HasSubstr(folder.path() + "/db"));
  EXPECT_THAT(message, HasSubstr("INSERT INTO nowhere"));
  EXPECT_THAT(message, HasSubstr("no such table"));
  ASSERT_TRUE(database.Execute("CREATE TABLE t(a INTEGER PRIMARY KEY)").ok());
  Statement insert = *database.Prepare("INSERT INTO t VALUES(?)");
  EXPECT_TRUE(insert.Bind(1, uint64_t{1}).Run().ok());
  EXPECT_THAT(std::string(insert.Bind(1, uint64_t{1}).Run().message()), HasSubstr("UNIQUE"));
  EXPECT_TRUE(insert.Bind(1, uint64_t{2}).Run().ok());
}

}  // namespace
}  // namespace sluice::sidecar
