#include "sidecar/store/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "sidecar/store/store.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

// Ten times the cap in journal entries: the file stays near the cap, the newest are there.
TEST(Retention, TheFileStaysNearItsCapAndKeepsTheNewest) {
  TemporaryFolder folder;
  StoreOptions options;
  options.max_mb = 1;
  Store store = *Store::Open(folder.path(), options);
  uint64_t serial = 0;
  uintmax_t largest = 0;
  for (int commit = 0; commit < 192; ++commit) {
    Changes changes;
    for (int i = 0; i < 14; ++i) {
      JournalRecord entry;
      entry.run = "r";
      entry.serial = ++serial;
      entry.input = std::string(4000, 'x');
      changes.journal.push_back(entry);
    }
    ASSERT_TRUE(store.Commit(changes).ok());
    largest = std::max(largest, std::filesystem::file_size(folder.Path("sluice.db")));
  }
  EXPECT_LT(store.used_bytes(), uint64_t{6} << 20);
  EXPECT_LT(largest, uintmax_t{9} << 20);
  Database database = *Database::Open(folder.Path("sluice.db"));
  EXPECT_EQ(*database.Value("SELECT max(serial) FROM journal"), std::to_string(serial));
  EXPECT_NE(*database.Value("SELECT min(serial) FROM journal"), "1");
  EXPECT_EQ(*database.Value("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace sluice::sidecar
