#include "common/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice {
namespace {

size_t FilesIn(const std::string& folder) {
  const std::filesystem::directory_iterator it(folder);
  return static_cast<size_t>(std::distance(begin(it), end(it)));
}

// Makes every write past `bytes` of a file fail with EFBIG, as a full disk would with ENOSPC.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    SLUICE_CHECK(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    const rlimit limit{bytes, old_.rlim_max};
    SLUICE_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST(File, ReadsAllBytes) {
  const TemporaryFolder folder;
  std::string contents(200'000, 'x');
  contents[100'000] = '\0';
  EXPECT_EQ(*ReadFile(folder.Write("a", contents)), contents);
  EXPECT_EQ(*ReadFile(folder.Write("empty", "")), "");
  EXPECT_TRUE(Says(ReadFile(folder.Path("gone")).status(), absl::StatusCode::kNotFound, {"gone"}));
  EXPECT_FALSE(ReadFile(folder.path()).ok());
}

TEST(File, AtomicWriteReplacesAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a", "old");
  ASSERT_TRUE(WriteFileAtomically(path, "new").ok());
  EXPECT_EQ(*ReadFile(path), "new");
  ASSERT_TRUE(WriteFileAtomically(path, std::vector<absl::string_view>{"in ", "", "pieces"}).ok());
  EXPECT_EQ(*ReadFile(path), "in pieces");
  EXPECT_EQ(FilesIn(folder.path()), 1u);
}

TEST(File, FailedAtomicWriteKeepsTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("a", "old");
  absl::Status status;
  {
    const FileSizeLimit limit(4096);
    status = WriteFileAtomically(path, std::string(10'000, 'x'));
  }
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(Says(status, status.code(), {path}));
  EXPECT_EQ(*ReadFile(path), "old");
  EXPECT_EQ(FilesIn(folder.path()), 1u);
}

TEST(File, AtomicWriteOntoAFolderFailsAndCleansUp) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolder(folder.Path("a/b")).ok());
  EXPECT_FALSE(WriteFileAtomically(folder.Path("a"), "x").ok());
  EXPECT_EQ(FilesIn(folder.path()), 1u);
  EXPECT_TRUE(
      Says(WriteFileAtomically(folder.Path("no/x"), "x"), absl::StatusCode::kNotFound, {"no/x"}));
}

TEST(File, MakesFoldersAndParents) {
  const TemporaryFolder folder;
  EXPECT_TRUE(MakeFolder(folder.Path("a/b/c")).ok());
  EXPECT_TRUE(MakeFolder(folder.Path("a/b/c")).ok());
  EXPECT_TRUE(SyncFolder(folder.Path("a/b/c")).ok());
  folder.Write("file", "");
  EXPECT_FALSE(MakeFolder(folder.Path("file")).ok());
  EXPECT_FALSE(MakeFolder(folder.Path("file/x")).ok());
  EXPECT_FALSE(SyncFolder(folder.Path("gone")).ok());
}

TEST(AppendFile, GrowsAcrossOpenings) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("log");
  for (const char* line : {"one\n", "two\n"}) {
    auto file = AppendFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(file->Append(line).ok());
    EXPECT_TRUE(file->Sync().ok());
  }
  EXPECT_EQ(*ReadFile(path), "one\ntwo\n");
  EXPECT_TRUE(Says(AppendFile::Open(folder.Path("no/log")).status(), absl::StatusCode::kNotFound,
                   {"no/log"}));
}

TEST(AppendFile, MovesKeepTheFile) {
  const TemporaryFolder folder;
  auto first = AppendFile::Open(folder.Path("1"));
  auto second = AppendFile::Open(folder.Path("2"));
  ASSERT_TRUE(first.ok() && second.ok());
  AppendFile moved = *std::move(first);
  EXPECT_TRUE(moved.Append("a").ok());
  moved = *std::move(second);
  EXPECT_TRUE(moved.Append("b").ok());
  EXPECT_EQ(*ReadFile(folder.Path("1")), "a");
  EXPECT_EQ(*ReadFile(folder.Path("2")), "b");
}

TEST(AppendFile, AFailedAppendLeavesNoPartialLine) {
  const TemporaryFolder folder;
  auto file = AppendFile::Open(folder.Path("log"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("one\n").ok());
  {
    const FileSizeLimit limit(4096);
    EXPECT_FALSE(file->Append(std::string(10'000, 'x')).ok());
  }
  EXPECT_EQ(*ReadFile(folder.Path("log")), "one\n");
  EXPECT_TRUE(file->Append("two\n").ok());
  EXPECT_EQ(*ReadFile(folder.Path("log")), "one\ntwo\n");
}

}  // namespace
}  // namespace sluice
