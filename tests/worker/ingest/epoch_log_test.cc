#include "worker/ingest/epoch_log.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::ingest {
namespace {

class EpochLogTest : public ::testing::Test {
 protected:
  void Append(const std::vector<EpochEntry>& entries) {
    auto log = EpochLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status();
    for (const EpochEntry& entry : entries) ASSERT_TRUE(log->Append(entry).ok());
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.Path("epochs.jsonl");
};

TEST_F(EpochLogTest, WhatIsAppendedIsRead) {
  EXPECT_EQ(ReadEpochLog(path_).status().code(), absl::StatusCode::kNotFound);
  const std::vector<EpochEntry> entries = {{0, 1, 0, 0}, {1, 22, 7, 4000000000}, {2, 40, 7, 5}};
  Append(entries);
  EXPECT_EQ(ReadEpochLog(path_).value(), entries);
}

TEST_F(EpochLogTest, AnEpochThatStandsThereIsNotWrittenAgain) {
  Append({{0, 1, 3, 9}});
  Append({{0, 1, 3, 9}, {1, 5, 4, 2}});
  EXPECT_EQ(ReadEpochLog(path_).value(), (std::vector<EpochEntry>{{0, 1, 3, 9}, {1, 5, 4, 2}}));
}

TEST_F(EpochLogTest, WhatDoesNotFollowIsNamed) {
  for (const EpochEntry& bad :
       {EpochEntry{2, 9, 4, 0}, EpochEntry{1, 1, 4, 0}, EpochEntry{1, 9, 2, 0}}) {
    ASSERT_TRUE(WriteFileAtomically(path_, "").ok());
    Append({{0, 1, 3, 9}, bad});
    EXPECT_TRUE(Says(ReadEpochLog(path_).status(), absl::StatusCode::kDataLoss,
                     {"epoch log '" + path_ + "': line 2", "not the epoch that follows"}));
    EXPECT_FALSE(EpochLog::Open(path_).ok());
  }
}

}  // namespace
}  // namespace sluice::ingest
