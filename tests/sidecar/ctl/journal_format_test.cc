#include "sidecar/ctl/journal_format.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

template <typename Message>
Message Made(const std::string& json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return message;
}

TEST(CtlJournalFormat, ARowPerDecisionUnderOneHeader) {
  const auto page = Made<v1::GetJournalResponse>(
      R"({"entries": [
            {"serial": "1", "step": "10", "kind": "window", "directive": {"version": "1"},
             "reason": "layer 2:\nwhy", "replayed": true},
            {"serial": "2", "step": "20", "kind": "probe", "reason": "not", "difference": "x\ny"}]})");
  JournalCount count;
  EXPECT_EQ(JournalText(page, count),
            "SERIAL      STEP  KIND           DIRECTIVE  REASON\n"
            "     1        10  window                 1  layer 2: why\n"
            "     2        20  probe                  -  not\n");
  count.Add(page);
  EXPECT_EQ(JournalText(page, count).find("SERIAL"), std::string::npos);
  EXPECT_EQ(ReplayText(count), "2 decisions replayed, 1 differ; the first: x y");
  EXPECT_EQ(JournalText({}, {}), "no decision was made in this range\n");
  EXPECT_EQ(ReplayText({3, 0, ""}), "3 decisions replayed: identical to the bit");
}

TEST(CtlJournalFormat, AnAlarmStandsOut) {
  const auto storage = Made<v1::GetStorageResponse>(
      R"({"writable": false, "error": "full", "bytes": "4096", "commit_failures": "2",
          "quarantines": [{"file": "a", "reason": "b"},
                          {"file": "c", "reason": "d", "acknowledged": true}]})");
  EXPECT_EQ(StorageText(storage),
            "writable         no: full\n"
            "bytes            4096\n"
            "commit failures  2\n"
            "ALARM set aside  a: b\n"
            "set aside        c: d\n");
}

}  // namespace
}  // namespace sluice::ctl
