#include "sidecar/store/quarantine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

TEST(Quarantine, FileAndLogKeepTheirContentsUnderFreeNames) {
  TemporaryFolder folder;
  EXPECT_EQ(*SetAside(folder.path()), "");
  for (const std::string n : {"1", "2"}) {
    folder.Write("sluice.db", "file " + n);
    folder.Write("sluice.db-wal", "log " + n);
    folder.Write("sluice.db-shm", "index");
    const std::string name = "sluice.db.corrupt-" + n;
    EXPECT_EQ(*SetAside(folder.path()), name);
    EXPECT_EQ(*ReadFile(folder.Path(name)), "file " + n);
    EXPECT_EQ(*ReadFile(folder.Path(name + "-wal")), "log " + n);
    EXPECT_FALSE(std::filesystem::exists(folder.Path("sluice.db")));
    EXPECT_FALSE(std::filesystem::exists(folder.Path("sluice.db-shm")));
  }
}

// The process died between the two renames.
TEST(Quarantine, AFileWhoseLogIsSetAsideAlreadyFollowsIt) {
  TemporaryFolder folder;
  folder.Write("sluice.db", "file");
  folder.Write("sluice.db.corrupt-1-wal", "log");
  EXPECT_EQ(*SetAside(folder.path()), "sluice.db.corrupt-1");
  EXPECT_EQ(*ReadFile(folder.Path("sluice.db.corrupt-1-wal")), "log");
}

}  // namespace
}  // namespace sluice::sidecar
