#include "sidecar/store/upgrade.h"

#include <gtest/gtest.h>

#include "sidecar/store/record_json.h"
#include "sidecar/store/store.h"
#include "sidecar/wire/counters.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

// The tables of version 1, as that version made them.
constexpr char kVersion1[] = R"sql(
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
PRAGMA application_id=1397511491;
PRAGMA user_version=1;
)sql";

TEST(Upgrade, AStateOfVersion1IsTakenOverWhole) {
  TemporaryFolder folder;
  const std::string file = folder.Path("sluice.db");
  {
    Database old = *Database::Open(file);
    ASSERT_TRUE(old.Execute("PRAGMA journal_mode=WAL").ok());
    ASSERT_TRUE(old.Execute(kVersion1).ok());
    ASSERT_TRUE(
        old.Execute("INSERT INTO runs VALUES('r', 3, 'i', 0, 7, 5, "
                    "'{\"run\":\"r\",\"epoch\":3,\"version\":7}');"
                    "INSERT INTO windows VALUES(NULL, 'r', 1, 10, 1.0, 0, '{\"run\":\"r\"}');"
                    "INSERT INTO windows VALUES(NULL, 'q', 1, 10, 0.5, 0, '{\"run\":\"q\"}');"
                    "INSERT INTO windows VALUES(NULL, 'r', 11, 20, 1.0, 0, '{\"run\":\"r\"}');"
                    "INSERT INTO decisions VALUES(NULL, 'r', 10, 2, 7, '{}', 'why');"
                    "INSERT INTO events VALUES('r', 'probe', 'old', 20, '{}');")
            .ok());
    Statement rank =
        *old.Prepare("INSERT INTO ranks VALUES('r', 0, 3, 0, 1, 25, 25, 0, 0, 25, 75, 25, ?)");
    ASSERT_TRUE(rank.BindBlob(1, CountersToBytes(testing::CountersAt(25))).Run().ok());
  }
  for (int start = 0; start < 2; ++start) {
    auto store = Store::Open(folder.path());
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(store->quarantines().empty());
    const auto state = store->Load();
    ASSERT_TRUE(state.ok()) << state.status();
    ASSERT_EQ(state->runs.size(), 1u);
    EXPECT_EQ(state->runs[0].version, 7u);
    EXPECT_EQ(state->runs[0].windows, 2u);
    EXPECT_EQ(state->runs[0].journal, 1u);
    ASSERT_EQ(state->ranks.size(), 1u);
    EXPECT_EQ(state->ranks[0].counters, testing::CountersAt(25));
    ASSERT_EQ(state->windows.size(), 2u);
    EXPECT_EQ(state->windows[1].serial, 2u);
  }
  Database now = *Database::Open(file);
  EXPECT_EQ(*now.Value("PRAGMA user_version"), "2");
  EXPECT_EQ(*now.Value("PRAGMA auto_vacuum"), "2");
  EXPECT_EQ(*now.Value("SELECT kind || reason FROM journal"), "windowwhy");
  EXPECT_EQ(*now.Value("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'old%'"), "0");
}

}  // namespace
}  // namespace sluice::sidecar
