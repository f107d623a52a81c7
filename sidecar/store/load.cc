#include "sidecar/store/load.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/status.h"
#include "sidecar/store/record_json.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/token_map.h"

namespace sluice::sidecar {
namespace {

using RankKey = std::pair<std::string, uint32_t>;

absl::Status LoadRuns(Database& database, StoredState& state) {
  SLUICE_ASSIGN_OR_RETURN(Statement rows, database.Prepare("SELECT body FROM runs"));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(RunRecord run, RunFromJson(rows.Text(0)));
    state.runs.push_back(std::move(run));
  }
}

absl::Status LoadRanks(Database& database, std::map<RankKey, RankRecord>& ranks) {
  SLUICE_ASSIGN_OR_RETURN(
      Statement rows,
      database.Prepare("SELECT run, rank, epoch, generation, incarnation, seq, last_step, ended, "
                       "coalesced, counters FROM ranks"));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    RankRecord rank;
    rank.run = rows.Text(0);
    rank.rank = static_cast<uint32_t>(rows.Integer(1));
    rank.epoch = rows.Integer(2);
    rank.generation = static_cast<uint32_t>(rows.Integer(3));
    rank.incarnation = rows.Integer(4);
    rank.seq = rows.Integer(5);
    rank.last_step = rows.Integer(6);
    rank.ended = rows.Integer(7) != 0;
    rank.coalesced = rows.Integer(8);
    SLUICE_ASSIGN_OR_RETURN(rank.counters, CountersFromBytes(rows.Text(9)));
    ranks[{rank.run, rank.rank}] = std::move(rank);
  }
}

absl::Status LoadMarks(Database& database, std::map<RankKey, RankRecord>& ranks) {
  SLUICE_ASSIGN_OR_RETURN(
      Statement rows, database.Prepare("SELECT run, rank, window_end, step, counters FROM marks"));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    const auto rank = ranks.find({rows.Text(0), static_cast<uint32_t>(rows.Integer(1))});
    if (rank == ranks.end()) continue;
    Mark mark{rows.Integer(3), {}};
    SLUICE_ASSIGN_OR_RETURN(mark.counters, CountersFromBytes(rows.Text(4)));
    rank->second.marks[rows.Integer(2)] = mark;
  }
}

absl::Status LoadWindows(Database& database, RunRecord& run, StoredState& state) {
  SLUICE_ASSIGN_OR_RETURN(
      Statement rows,
      database.Prepare("SELECT serial, body FROM windows WHERE run=? ORDER BY serial"));
  rows.Bind(1, run.run);
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(WindowRecord window, WindowFromJson(rows.Text(1)));
    window.serial = rows.Integer(0);
    // A state of the version before did not count them.
    run.windows = std::max(run.windows, window.serial + window.merged - 1);
    state.windows.push_back(std::move(window));
  }
}

absl::Status LoadJournalEnd(Database& database, RunRecord& run) {
  SLUICE_ASSIGN_OR_RETURN(Statement rows,
                          database.Prepare("SELECT max(serial) FROM journal WHERE run=?"));
  SLUICE_ASSIGN_OR_RETURN(const bool any, rows.Bind(1, run.run).Step());
  if (any) run.journal = std::max(run.journal, rows.Integer(0));
  return absl::OkStatus();
}

absl::Status LoadMaps(Database& database, const std::string& run, StoredState& state) {
  SLUICE_ASSIGN_OR_RETURN(
      Statement rows,
      database.Prepare("SELECT step, body FROM events WHERE run=? AND kind=? ORDER BY step"));
  rows.Bind(1, run).Bind(2, std::string(kTokenMapEvent));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return absl::OkStatus();
    Event map{kTokenMapEvent, "", rows.Integer(0), rows.Text(1)};
    // It is handed out as it is.
    SLUICE_RETURN_IF_ERROR(CheckTokenMapJson(map.body));
    state.maps.push_back({run, std::move(map)});
  }
}

absl::StatusOr<StoredState> LoadAll(Database& database) {
  StoredState state;
  std::map<RankKey, RankRecord> ranks;
  SLUICE_RETURN_IF_ERROR(LoadRuns(database, state));
  SLUICE_RETURN_IF_ERROR(LoadRanks(database, ranks));
  SLUICE_RETURN_IF_ERROR(LoadMarks(database, ranks));
  for (RunRecord& run : state.runs) {
    SLUICE_RETURN_IF_ERROR(LoadWindows(database, run, state));
    SLUICE_RETURN_IF_ERROR(LoadJournalEnd(database, run));
    SLUICE_RETURN_IF_ERROR(LoadMaps(database, run.run, state));
  }
  for (auto& [key, rank] : ranks) state.ranks.push_back(std::move(rank));
  return state;
}

}  // namespace

absl::StatusOr<StoredState> LoadState(Database& database) {
  absl::StatusOr<StoredState> state = LoadAll(database);
  if (state.status().code() != absl::StatusCode::kDataLoss) return state;
  // The file was found sound: it is the reader that does not know what is in it.
  return absl::InternalError(state.status().message());
}

absl::StatusOr<std::vector<Quarantine>> LoadQuarantines(Database& database) {
  std::vector<Quarantine> quarantines;
  SLUICE_ASSIGN_OR_RETURN(
      Statement rows,
      database.Prepare("SELECT file, reason, acknowledged FROM quarantines ORDER BY file"));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return quarantines;
    quarantines.push_back({rows.Text(0), rows.Text(1), rows.Integer(2) != 0});
  }
}

}  // namespace sluice::sidecar
