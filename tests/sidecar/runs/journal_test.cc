#include "sidecar/runs/journal.h"

#include <gtest/gtest.h>

namespace sluice::sidecar {
namespace {

TEST(RunsJournal, PagesSayWhereToGoOn) {
  v1::GetJournalRequest request;
  request.set_run("r");
  request.set_limit(2);
  EXPECT_EQ(QueryOf(request).limit, 3u);
  EXPECT_EQ(QueryOf(request).last_step, UINT64_MAX);
  std::vector<JournalRecord> entries(3);
  for (uint64_t i = 0; i < 3; ++i) entries[i].serial = i + 7;
  v1::GetJournalResponse response;
  JournalToProto(entries, request, &response);
  EXPECT_EQ(response.entries_size(), 2);
  EXPECT_EQ(response.next(), 8u);
  entries.pop_back();
  v1::GetJournalResponse last;
  JournalToProto(entries, request, &last);
  EXPECT_EQ(last.next(), 0u);
}

TEST(RunsJournal, AnAnswerIsBoundedInBytesAndHoldsOneEntryAtLeast) {
  v1::GetJournalRequest request;
  request.set_with_input(true);
  std::vector<JournalRecord> entries(2);
  for (JournalRecord& entry : entries) entry.input = std::string(3 << 20, 'x');
  v1::GetJournalResponse response;
  JournalToProto(entries, request, &response);
  EXPECT_EQ(response.entries_size(), 1);
}

TEST(RunsJournal, AnEntryWithoutInputIsNotReplayed) {
  v1::GetJournalRequest request;
  request.set_replay(true);
  v1::GetJournalResponse response;
  JournalToProto({JournalRecord{}}, request, &response);
  EXPECT_FALSE(response.entries(0).replayed());
  EXPECT_NE(response.entries(0).difference().find("did not keep the input"), std::string::npos);
}

}  // namespace
}  // namespace sluice::sidecar
