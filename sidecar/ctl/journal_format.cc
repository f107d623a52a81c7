#include "sidecar/ctl/journal_format.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {

void JournalCount::Add(const v1::GetJournalResponse& response) {
  for (const v1::JournalEntry& entry : response.entries()) {
    ++entries;
    if (entry.replayed() || entry.difference().empty()) continue;
    if (++different == 1) first_difference = OneLine(entry.difference());
  }
}

std::string JournalText(const v1::GetJournalResponse& response, const JournalCount& before) {
  if (response.entries().empty()) {
    return before.entries == 0 ? "no decision was made in this range\n" : "";
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::JournalEntry& entry : response.entries()) {
    rows.push_back({absl::StrCat(entry.serial()), absl::StrCat(entry.step()), OneLine(entry.kind()),
                    entry.has_directive() ? absl::StrCat(entry.directive().version()) : "-",
                    OneLine(entry.reason())});
  }
  const std::vector<Column> columns = {{"SERIAL", false, 6},
                                       {"STEP", false, 8},
                                       {"KIND", true, 13},
                                       {"DIRECTIVE"},
                                       {"REASON", true}};
  const std::string table = Table(columns, rows);
  return before.entries == 0 ? table : table.substr(table.find('\n') + 1);
}

std::string ReplayText(const JournalCount& count) {
  if (count.different == 0) {
    return absl::StrCat(count.entries, " decisions replayed: identical to the bit");
  }
  return absl::StrCat(count.entries, " decisions replayed, ", count.different,
                      " differ; the first: ", count.first_difference);
}

std::string StorageText(const v1::GetStorageResponse& storage) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"writable", storage.writable() ? "yes" : "no: " + OneLine(storage.error())},
      {"bytes", absl::StrCat(storage.bytes())},
      {"commit failures", absl::StrCat(storage.commit_failures())}};
  for (const v1::Quarantine& quarantine : storage.quarantines()) {
    pairs.emplace_back(
        quarantine.acknowledged() ? "set aside" : "ALARM set aside",
        absl::StrCat(OneLine(quarantine.file()), ": ", OneLine(quarantine.reason())));
  }
  return KeyValues(pairs);
}

}  // namespace sluice::ctl
