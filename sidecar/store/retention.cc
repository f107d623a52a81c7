#include "sidecar/store/retention.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::sidecar {
namespace {

// Of a tenth each: hardly anything is left after so many.
constexpr int kMostRounds = 40;

absl::StatusOr<uint64_t> Number(Database& database, const std::string& sql) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, database.Value(sql));
  uint64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return absl::DataLossError(absl::StrCat(sql, ": '", text, "' is not a number"));
}

struct Range {
  std::string run;
  uint64_t first = 0;
  uint64_t last = 0;
};

// Lowest and highest `order`, which rises with time, of each run.
absl::StatusOr<std::vector<Range>> Ranges(const std::string& table, const std::string& order,
                                          Database& database) {
  std::vector<Range> ranges;
  SLUICE_ASSIGN_OR_RETURN(Statement rows,
                          database.Prepare(absl::StrCat("SELECT run, min(", order, "), max(", order,
                                                        ") FROM ", table, " GROUP BY run")));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return ranges;
    ranges.push_back({rows.Text(0), rows.Integer(1), rows.Integer(2)});
  }
}

absl::Status DeleteOldest(const std::string& table, const std::string& order, Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<Range> ranges, Ranges(table, order, database));
  SLUICE_ASSIGN_OR_RETURN(
      Statement remove,
      database.Prepare(absl::StrCat("DELETE FROM ", table, " WHERE run=? AND ", order, "<?")));
  for (const Range& range : ranges) {
    const uint64_t tenth = (range.last - range.first + 9) / 10;
    SLUICE_RETURN_IF_ERROR(remove.Bind(1, range.run).Bind(2, range.first + tenth).Run());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> UsedBytes(Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const uint64_t pages, Number(database, "PRAGMA page_count"));
  SLUICE_ASSIGN_OR_RETURN(const uint64_t unused, Number(database, "PRAGMA freelist_count"));
  SLUICE_ASSIGN_OR_RETURN(const uint64_t size, Number(database, "PRAGMA page_size"));
  return (pages - unused) * size;
}

absl::Status KeepUnder(uint64_t cap, Database& database) {
  SLUICE_ASSIGN_OR_RETURN(uint64_t used, UsedBytes(database));
  for (int round = 0; round < kMostRounds && used > cap; ++round) {
    for (const auto& [table, order] : {std::pair{"journal", "serial"},
                                       {"windows", "serial"},
                                       {"directives", "version"},
                                       {"events", "step"}}) {
      SLUICE_RETURN_IF_ERROR(DeleteOldest(table, order, database));
    }
    SLUICE_ASSIGN_OR_RETURN(used, UsedBytes(database));
  }
  return database.Execute("PRAGMA incremental_vacuum(256)");
}

}  // namespace sluice::sidecar
