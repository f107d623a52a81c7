#include "worker/telemetry/decision_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/worker/telemetry/make_snapshot.h"

namespace sluice::telemetry {
namespace {

using testing::AllOf;
using testing::HasSubstr;

DecisionEntry Entry(uint64_t step, uint32_t generation, uint64_t version) {
  return {.step = step, .generation = generation, .directive = MakeDirective(version)};
}

class DecisionLogTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("sluice_decision_log_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    path_ = (folder_ / "decisions.jsonl").string();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Append(const std::vector<DecisionEntry>& entries) {
    auto log = DecisionLog::Open(path_);
    ASSERT_TRUE(log.ok()) << log.status();
    for (const DecisionEntry& entry : entries) ASSERT_TRUE(log->Append(entry).ok());
  }
  std::string Text() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Overwrite(const std::string& text) const { std::ofstream(path_) << text; }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(DecisionLogTest, ReadsBackExactly) {
  DecisionEntry odd = Entry(7, 0, 2);
  odd.directive.layers[0].threshold = 0.1 + 0.2;
  odd.directive.layers[0].target_rate = std::numeric_limits<double>::denorm_min();
  Append({Entry(3, 0, 1), odd});
  Append({Entry(9, 1, 3)});
  EXPECT_EQ(*ReadDecisionLog(path_), (std::vector{Entry(3, 0, 1), odd, Entry(9, 1, 3)}));
}

TEST_F(DecisionLogTest, AMissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadDecisionLog(path_).status()));
}

TEST_F(DecisionLogTest, EveryTornLastLineIsDroppedAndCutOff) {
  Append({Entry(3, 0, 1)});
  const size_t first = Text().size();
  Append({Entry(5, 0, 2)});
  const std::string whole = Text();
  for (size_t length = first; length < whole.size(); length += 17) {
    Overwrite(whole.substr(0, length));
    EXPECT_EQ(*ReadDecisionLog(path_), (std::vector{Entry(3, 0, 1)})) << length;
    Append({Entry(6, 1, 3)});
    EXPECT_EQ(*ReadDecisionLog(path_), (std::vector{Entry(3, 0, 1), Entry(6, 1, 3)})) << length;
  }
  Overwrite(whole.substr(0, whole.size() - 1));
  EXPECT_EQ(ReadDecisionLog(path_)->size(), 1u);
}

TEST_F(DecisionLogTest, ALastLineOfZeroesIsTornToo) {
  Append({Entry(3, 0, 1)});
  Overwrite(Text() + std::string(40, '\0') + "\n");
  EXPECT_EQ(*ReadDecisionLog(path_), (std::vector{Entry(3, 0, 1)}));
}

TEST_F(DecisionLogTest, AFlippedByteInTheMiddleIsAnErrorThatNamesTheLine) {
  Append({Entry(3, 0, 1), Entry(5, 0, 2), Entry(8, 0, 3)});
  const std::string whole = Text();
  const size_t begin = whole.find('\n') + 1;
  const size_t end = whole.find('\n', begin);
  for (size_t at = begin; at < end; at += 5) {
    std::string flipped = whole;
    flipped[at] ^= 0x04;
    if (flipped[at] == '\n') continue;
    Overwrite(flipped);
    const auto status = ReadDecisionLog(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << at;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("line 2"), HasSubstr(path_))) << at;
    EXPECT_EQ(DecisionLog::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST_F(DecisionLogTest, AnEmptyLineInTheMiddleIsAnError) {
  Append({Entry(3, 0, 1), Entry(5, 0, 2)});
  std::string text = Text();
  text.insert(text.find('\n'), 1, '\n');
  Overwrite(text);
  EXPECT_THAT(std::string(ReadDecisionLog(path_).status().message()), HasSubstr("line 2"));
}

TEST_F(DecisionLogTest, ALaterGenerationGoesOnBehindWhatItReplayed) {
  Append({Entry(10, 0, 1), Entry(20, 0, 2), Entry(30, 1, 3)});
  EXPECT_EQ(ReadDecisionLog(path_)->size(), 3u);
}

TEST_F(DecisionLogTest, ALaterGenerationThatDiffersReplacesWhatCameAfterItsStep) {
  Append({Entry(10, 0, 1), Entry(20, 0, 2), Entry(30, 0, 3), Entry(20, 1, 4)});
  EXPECT_EQ(*ReadDecisionLog(path_), (std::vector{Entry(10, 0, 1), Entry(20, 1, 4)}));
}

TEST_F(DecisionLogTest, ALaterGenerationThatRepeatsAnEntryKeepsWhatCameAfterIt) {
  Append({Entry(10, 0, 1), Entry(20, 0, 2), Entry(30, 0, 3), Entry(20, 1, 2)});
  EXPECT_EQ(*ReadDecisionLog(path_),
            (std::vector{Entry(10, 0, 1), Entry(20, 0, 2), Entry(30, 0, 3)}));
}

TEST_F(DecisionLogTest, StepsVersionsAndGenerationsMustRise) {
  const struct {
    DecisionEntry second;
    const char* message;
  } cases[] = {{Entry(10, 1, 2), "step 10, expected more than 10"},
               {Entry(11, 1, 1), "version 1, expected more than 1"},
               {Entry(12, 0, 2), "generation 0, expected at least 1"}};
  for (const auto& [second, message] : cases) {
    std::filesystem::remove(path_);
    Append({Entry(10, 1, 1), second});
    const auto status = ReadDecisionLog(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << message;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("line 2"), HasSubstr(message)));
  }
}

}  // namespace
}  // namespace sluice::telemetry
