#include "sidecar/store/journal_reader.h"

#include <gtest/gtest.h>

#include <future>

#include "sidecar/store/store.h"
#include "tests/common/temporary_folder.h"

namespace sluice::sidecar {
namespace {

class JournalReaderTest : public ::testing::Test {
 protected:
  JournalReaderTest() : store_(*Store::Open(folder_.path())) {
    Changes changes;
    for (uint64_t serial = 1; serial <= 5; ++serial) {
      JournalRecord entry;
      entry.run = "r";
      entry.serial = serial;
      entry.step = 10 * serial;
      entry.kind = "window";
      entry.input = "{}";
      entry.directive = Directive{};
      entry.directive->version = serial;
      entry.reason = "why";
      changes.journal.push_back(entry);
    }
    EXPECT_TRUE(store_.Commit(changes).ok());
    written_ = changes.journal;
  }

  TemporaryFolder folder_;
  Store store_;
  std::vector<JournalRecord> written_;
};

TEST_F(JournalReaderTest, ReadsWhatWasWrittenInPages) {
  JournalQuery query;
  query.run = "r";
  EXPECT_EQ(*ReadJournal(folder_.path(), query), written_);
  query.limit = 2;
  query.after_serial = 1;
  EXPECT_EQ(*ReadJournal(folder_.path(), query),
            (std::vector<JournalRecord>{written_[1], written_[2]}));
  query.first_step = query.last_step = 40;
  EXPECT_EQ(*ReadJournal(folder_.path(), query), (std::vector<JournalRecord>{written_[3]}));
  query.run = "q";
  EXPECT_TRUE(ReadJournal(folder_.path(), query)->empty());
}

TEST_F(JournalReaderTest, ARowThatIsNotWhatWasWrittenIsAnError) {
  ASSERT_TRUE(Database::Open(folder_.Path("sluice.db"))
                  ->Execute("UPDATE journal SET reason='other' WHERE serial=2")
                  .ok());
  JournalQuery query;
  query.run = "r";
  EXPECT_EQ(ReadJournal(folder_.path(), query).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(JournalReaderTest, AThreadReadsForThoseWhoMustNotBlock) {
  JournalReader reader(folder_.path());
  std::promise<size_t> count;
  JournalQuery query;
  query.run = "r";
  reader.Read(query, [&count](const auto& entries) { count.set_value(entries->size()); });
  EXPECT_EQ(count.get_future().get(), 5u);
}

}  // namespace
}  // namespace sluice::sidecar
