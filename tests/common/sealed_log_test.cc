#include "common/sealed_log.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice {
namespace {

using Bodies = std::vector<std::string>;

class SealedLogTest : public ::testing::Test {
 protected:
  void Append(const std::string& body) {
    auto log = SealedLog::Open("log", path_);
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_TRUE(log->Append(body).ok());
  }
  std::string Text() const { return ReadFile(path_).value(); }
  void Write(const std::string& text) { ASSERT_TRUE(WriteFileAtomically(path_, text).ok()); }
  Bodies Read() const { return ReadSealedLog("log", path_).value(); }

  TemporaryFolder folder_;
  std::string path_ = folder_.Path("log.jsonl");
};

TEST_F(SealedLogTest, WhatIsAppendedIsRead) {
  EXPECT_EQ(ReadSealedLog("log", path_).status().code(), absl::StatusCode::kNotFound);
  Append("{\"a\":1");
  Append("{\"b\":\",\\\"crc\\\":\\\"\"");
  EXPECT_EQ(Read(), (Bodies{"{\"a\":1", "{\"b\":\",\\\"crc\\\":\\\"\""}));
  EXPECT_EQ(Text().substr(0, Text().find('\n')), "{\"a\":1,\"crc\":\"a702fc6e\"}");
}

TEST_F(SealedLogTest, ATornLastLineIsCutWhereverItEnds) {
  Append("{\"a\":1");
  const std::string first = Text();
  Append("{\"b\":2");
  const std::string both = Text();
  for (size_t end = first.size(); end < both.size(); ++end) {
    Write(both.substr(0, end));
    EXPECT_EQ(Read(), (Bodies{"{\"a\":1"})) << end;
    Append("{\"c\":3");
    EXPECT_EQ(Read(), (Bodies{"{\"a\":1", "{\"c\":3"})) << end;
  }
}

TEST_F(SealedLogTest, ADamagedLineInTheMiddleIsNamed) {
  Append("{\"a\":1");
  Append("{\"b\":2");
  Append("{\"c\":3");
  std::string text = Text();
  text[text.find("{\"b") + 5] = '7';
  Write(text);
  EXPECT_TRUE(Says(ReadSealedLog("log", path_).status(), absl::StatusCode::kDataLoss,
                   {"log '" + path_ + "': line 2", "wrong crc"}));
  EXPECT_TRUE(
      Says(SealedLog::Open("log", path_).status(), absl::StatusCode::kDataLoss, {"line 2"}));
  EXPECT_EQ(Text(), text) << "nothing is cut";
}

}  // namespace
}  // namespace sluice
