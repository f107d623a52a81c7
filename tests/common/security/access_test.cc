// The table of calls and roles, beside what the protocol has.
#include "common/security/access.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "sluice/v1/runs.pb.h"
#include "sluice/v1/telemetry.pb.h"
#include "sluice/v1/worker.pb.h"

namespace sluice::security {
namespace {

TEST(Access, EveryCallOfTheProtocolHasItsRow) {
  std::set<std::string> calls, rows;
  for (const auto* file :
       {v1::WorkerMessage::descriptor()->file(), v1::GetRunRequest::descriptor()->file(),
        v1::PauseRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        calls.insert(file->service(s)->name() + "/" + file->service(s)->method(m)->name());
      }
    }
  }
  for (const Rule& rule : kRules) rows.emplace(rule.method);
  EXPECT_EQ(rows, calls);
  EXPECT_EQ(rows.size(), kRules.size());
}

// Written out once more, by hand.
TEST(Access, TheTable) {
  const std::map<std::string, std::string> expected = {
      {"Telemetry/Stream", "worker"},
      {"Telemetry/Relay", "worker"},
      {"Runs/ListRuns", "reader admin"},
      {"Runs/GetRun", "reader admin"},
      {"Runs/GetHistory", "reader admin"},
      {"Runs/WatchRun", "reader admin"},
      {"Runs/SetThreshold", "admin audited"},
      {"Runs/ResetBreaker", "admin audited"},
      {"Runs/GetJournal", "reader admin"},
      {"Runs/GetStorage", "reader admin"},
      {"Runs/AcknowledgeQuarantine", "admin audited"},
      {"Worker/GetStatus", "reader admin"},
      {"Worker/Pause", "admin audited"},
      {"Worker/Resume", "admin audited"},
      {"Worker/SaveCheckpoint", "admin audited"},
      {"Worker/Drain", "admin audited"},
      {"Worker/IngestImages", "admin audited"}};
  std::map<std::string, std::string> table;
  for (const Rule& rule : kRules) {
    std::string& row = table[std::string(rule.method)];
    for (const Role role : kRoles) {
      if (rule.Allows(role)) row += std::string(row.empty() ? "" : " ") + RoleName(role);
    }
    if (rule.audited) row += " audited";
  }
  EXPECT_EQ(table, expected);
}

}  // namespace
}  // namespace sluice::security
