#include "sidecar/store/row_check.h"

#include <gtest/gtest.h>

#include <set>

#include "sidecar/store/database.h"

namespace sluice::sidecar {
namespace {

TEST(RowCheck, DependsOnEveryValueItsTypeAndItsPlace) {
  Database database = *Database::Open(":memory:");
  const char* rows[] = {"1, 2", "2, 1",    "1, 2.0",     "1, '2'", "'12', ''", "'1', '2'",
                        "1",    "1, NULL", "x'31', '2'", "1, 3",   "'', '12'", "-1, 2"};
  std::set<std::string> checks;
  for (const char* row : rows) {
    checks.insert(*database.Value(std::string("SELECT row_check(") + row + ")"));
  }
  EXPECT_EQ(checks.size(), std::size(rows));
  EXPECT_EQ(*database.Value("SELECT row_check(1, 'a') = row_check(1, 'a')"), "1");
}

}  // namespace
}  // namespace sluice::sidecar
