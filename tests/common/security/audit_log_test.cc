#include "common/security/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::security {
namespace {

AuditEntry Entry(int number) {
  return {"local", "ipv4:127.0.0.1:5", "Runs/SetThreshold", {{"run", absl::StrCat("r", number)}},
          "OK",    "directive 1"};
}

class Audit : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open(uint64_t most_bytes = 1 << 20, int64_t files = 3) {
    auto log = AuditLog::Open({path_, most_bytes, files});
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  // What the writer is told.
  static absl::Status Write(AuditLog& log, const AuditEntry& entry) {
    std::promise<absl::Status> told;
    log.Write(entry, [&told](const absl::Status& status) { told.set_value(status); });
    return told.get_future().get();
  }
  std::vector<std::string> Lines(const std::string& suffix = "") const {
    return absl::StrSplit(ReadFile(path_ + suffix).value_or(""), '\n', absl::SkipEmpty());
  }
  // Runs of the lines of all files, oldest first.
  std::vector<std::string> Runs(int files) const {
    std::vector<std::string> runs;
    for (int n = files - 1; n >= 0; --n) {
      for (const std::string& line : Lines(n == 0 ? "" : absl::StrCat(".", n))) {
        runs.push_back(nlohmann::json::parse(line)["arguments"]["run"]);
      }
    }
    return runs;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path("audit.jsonl");
};

TEST(AuditLine, HoldsAllAndCannotBeForged) {
  AuditEntry entry = Entry(1);
  entry.arguments.push_back({"reason", "x\"}\n{\"caller\":\"root\"\x1b\xff\xc2\x9b"});
  entry.left_out = 3;
  const std::string line = AuditLine(entry, 1767225600123456);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  for (const char c : line.substr(0, line.size() - 1)) {
    EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  }
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "2026-01-01T00:00:00.123456Z");
  EXPECT_EQ(json["caller"], "local");
  EXPECT_EQ(json["peer"], "ipv4:127.0.0.1:5");
  EXPECT_EQ(json["method"], "Runs/SetThreshold");
  EXPECT_EQ(json["arguments"]["run"], "r1");
  EXPECT_EQ(json["result"], "OK");
  EXPECT_EQ(json["detail"], "directive 1");
  EXPECT_EQ(json["left_out"], 3);
}

TEST_F(Audit, ALineIsThereWhenItsWriterIsTold) {
  const auto log = Open();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(Write(*log, Entry(i)).ok());
    EXPECT_EQ(Lines().size(), static_cast<size_t>(i));
  }
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Audit, TheEndWritesWhatIsLeft) {
  {
    const auto log = Open();
    for (int i = 0; i < 50; ++i) log->Write(Entry(i), nullptr);
  }
  EXPECT_EQ(Lines().size(), 50u);
  { Open()->Write(Entry(50), nullptr); }
  EXPECT_EQ(Lines().size(), 51u);
}

TEST_F(Audit, FilesAreRotatedAndBounded) {
  {
    const auto log = Open(1000, 3);
    for (int i = 0; i < 60; ++i) EXPECT_TRUE(Write(*log, Entry(i)).ok());
  }
  EXPECT_TRUE(std::filesystem::exists(path_ + ".2"));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".3"));
  for (const char* suffix : {"", ".1", ".2"}) {
    EXPECT_LE(std::filesystem::file_size(path_ + suffix), 1000u) << suffix;
  }
  // The newest lines without a gap.
  const std::vector<std::string> runs = Runs(3);
  ASSERT_GT(runs.size(), 5u);
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i], absl::StrCat("r", 60 - runs.size() + i));
  }
}

TEST_F(Audit, ARotationThatFailsLosesNoLine) {
  std::filesystem::create_directories(path_ + ".1/in-the-way");
  {
    const auto log = Open(500, 2);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(Write(*log, Entry(i)).ok());
  }
  EXPECT_EQ(Lines().size(), 20u);
}

TEST_F(Audit, WhatCannotBeWrittenIsSaidAndWrittenLater) {
  const auto log = Open();
  ASSERT_TRUE(Write(*log, Entry(0)).ok());
  // A full disk, for this process.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit full = before;
  full.rlim_cur = std::filesystem::file_size(path_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_FALSE(Write(*log, Entry(1)).ok());
  EXPECT_FALSE(log->Ready().ok());
  EXPECT_FALSE(Write(*log, Entry(2)).ok());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(Write(*log, Entry(3)).ok());
  EXPECT_TRUE(log->Ready().ok());
  EXPECT_THAT(Runs(1), ::testing::ElementsAre("r0", "r1", "r2", "r3"));
}

TEST_F(Audit, ManyWritersLoseNothing) {
  const auto log = Open(20000, 100);
  std::vector<std::future<void>> writers;
  for (int w = 0; w < 4; ++w) {
    writers.push_back(std::async(std::launch::async, [&log, w] {
      for (int i = 0; i < 25; ++i) EXPECT_TRUE(Write(*log, Entry(100 * w + i)).ok());
    }));
  }
  for (auto& writer : writers) writer.get();
  const std::vector<std::string> runs = Runs(100);
  EXPECT_EQ(std::set<std::string>(runs.begin(), runs.end()).size(), 100u);
  EXPECT_EQ(runs.size(), 100u);
}

TEST_F(Audit, AFolderThatIsNotThereIsAnError) {
  const auto log = AuditLog::Open({folder_.Path("none/audit.jsonl"), 1000, 2});
  ASSERT_FALSE(log.ok());
  EXPECT_NE(log.status().message().find("none/audit.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace sluice::security
