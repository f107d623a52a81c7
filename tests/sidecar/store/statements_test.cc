#include "sidecar/store/statements.h"

#include <gtest/gtest.h>

#include "sidecar/store/schema.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

class Writes : public ::testing::Test {
 protected:
  Writes() : database_(*Database::Open(folder_.path() + "/db")) {
    EXPECT_TRUE(PrepareSchema(database_).ok());
    write_.emplace(*WriteStatements::Prepare(database_));
  }
  std::string Value(const std::string& sql) { return *database_.Value(sql); }

  TemporaryFolder folder_;
  Database database_;
  std::optional<WriteStatements> write_;
};

TEST_F(Writes, ARankIsReplacedWithItsMarks) {
  RankRecord rank;
  rank.run = "r";
  rank.seq = 10;
  rank.marks[10] = {10, testing::CountersAt(10)};
  ASSERT_TRUE(write_->Put(rank).ok());
  rank.seq = 20;
  rank.marks = {{20, {20, testing::CountersAt(20)}}};
  rank.counters = testing::CountersAt(21);
  ASSERT_TRUE(write_->Put(rank).ok());
  EXPECT_EQ(Value("SELECT count(*) || ' ' || max(seq) || ' ' || max(steps) FROM ranks"), "1 20 21");
  EXPECT_EQ(Value("SELECT count(*) || ' ' || max(window_end) FROM marks"), "1 20");
}

TEST_F(Writes, AnEventTwiceIsOneRow) {
  EventRecord event{"r", {"checkpoint", "c.safetensors", 20, "{}", {}, false}};
  ASSERT_TRUE(write_->Put(event).ok());
  ASSERT_TRUE(write_->Put(event).ok());
  event.event.step = 40;
  ASSERT_TRUE(write_->Put(event).ok());
  EXPECT_EQ(Value("SELECT count(*) FROM events"), "2");
}

TEST_F(Writes, ColumnsShowWhatPeopleAskFor) {
  RunRecord run;
  run.run = "r";
  run.holder = "i";
  run.epoch = 3;
  run.version = 7;
  ASSERT_TRUE(write_->Put(run).ok());
  EXPECT_EQ(Value("SELECT run || holder || epoch || version FROM runs"), "ri37");
  JournalRecord entry;
  entry.run = "r";
  entry.serial = 1;
  entry.kind = "window";
  entry.reason = "why";
  ASSERT_TRUE(write_->Put(entry).ok());
  ASSERT_TRUE(write_->Put(entry).ok());  // Once, however often a commit is tried again.
  entry.serial = 2;
  ASSERT_TRUE(write_->Put(entry).ok());
  EXPECT_EQ(Value("SELECT count(*) || max(kind) || max(reason) FROM journal"), "2windowwhy");
}

}  // namespace
}  // namespace sluice::sidecar
