#include "sidecar/store/commit_mark.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

TEST(CommitMark, IsReadBackAndADamagedOneSaysNothing) {
  TemporaryFolder folder;
  EXPECT_FALSE(CommitMark::Open(folder.path())->last().has_value());
  const StateMark mark{"0123456789abcdef01234567", 7, 3};
  ASSERT_TRUE(CommitMark::Open(folder.path())->Write({"another", 9, 9}).ok());
  ASSERT_TRUE(CommitMark::Open(folder.path())->Write(mark).ok());
  EXPECT_EQ(CommitMark::Open(folder.path())->last(), mark);
  const std::string path = folder.Path("mark");
  const std::string bytes = *ReadFile(path);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 4;
    ASSERT_TRUE(WriteFileAtomically(path, damaged).ok());
    EXPECT_FALSE(CommitMark::Open(folder.path())->last().has_value()) << i;
  }
}

}  // namespace
}  // namespace sluice::sidecar
