#include "sidecar/store/statements.h"

#include "common/status.h"
#include "sidecar/store/record_json.h"
#include "sidecar/store/tables.h"
#include "sidecar/wire/counters.h"

namespace sluice::sidecar {

absl::StatusOr<WriteStatements> WriteStatements::Prepare(Database& database) {
  WriteStatements s;
  const std::pair<Statement*, std::string> all[] = {
      {&s.clear_ranks_, "DELETE FROM ranks WHERE run=?"},
      {&s.clear_marks_, "DELETE FROM marks WHERE run=?"},
      {&s.run_, PutSql("runs")},
      {&s.rank_, PutSql("ranks")},
      {&s.old_marks_, "DELETE FROM marks WHERE run=? AND rank=?"},
      {&s.mark_, PutSql("marks")},
      {&s.old_windows_, "DELETE FROM windows WHERE run=? AND serial BETWEEN ? AND ?"},
      {&s.window_, PutSql("windows")},
      {&s.directive_, PutSql("directives")},
      {&s.journal_, PutSql("journal")},
      {&s.event_, PutSql("events")},
      {&s.quarantine_, PutSql("quarantines")},
      {&s.identity_, PutSql("identity")},
      {&s.old_maps_, "DELETE FROM events WHERE run=? AND kind=? AND (step<? OR step>=?)"},
  };
  for (const auto& [statement, sql] : all) {
    SLUICE_ASSIGN_OR_RETURN(*statement, database.Prepare(sql));
  }
  return s;
}

absl::Status WriteStatements::ClearRun(const std::string& run) {
  SLUICE_RETURN_IF_ERROR(clear_ranks_.Bind(1, run).Run());
  return clear_marks_.Bind(1, run).Run();
}

absl::Status WriteStatements::Put(const RunRecord& run) {
  return run_.Bind(1, run.run)
      .Bind(2, run.epoch)
      .Bind(3, run.holder)
      .Bind(4, uint64_t{run.generation})
      .Bind(5, run.version)
      .Bind(6, run.activity)
      .Bind(7, RunToJson(run))
      .Run();
}

absl::Status WriteStatements::Put(const RankRecord& rank) {
  SLUICE_RETURN_IF_ERROR(rank_.Bind(1, rank.run)
                             .Bind(2, uint64_t{rank.rank})
                             .Bind(3, rank.epoch)
                             .Bind(4, uint64_t{rank.generation})
                             .Bind(5, rank.incarnation)
                             .Bind(6, rank.seq)
                             .Bind(7, rank.last_step)
                             .Bind(8, uint64_t{rank.ended})
                             .Bind(9, rank.coalesced)
                             .Bind(10, rank.counters.steps)
                             .Bind(11, rank.counters.images_open)
                             .Bind(12, rank.counters.images_skipped)
                             .BindBlob(13, CountersToBytes(rank.counters))
                             .Run());
  SLUICE_RETURN_IF_ERROR(old_marks_.Bind(1, rank.run).Bind(2, uint64_t{rank.rank}).Run());
  for (const auto& [end, mark] : rank.marks) {
    SLUICE_RETURN_IF_ERROR(mark_.Bind(1, rank.run)
                               .Bind(2, uint64_t{rank.rank})
                               .Bind(3, end)
                               .Bind(4, mark.step)
                               .BindBlob(5, CountersToBytes(mark.counters))
                               .Run());
  }
  return absl::OkStatus();
}

absl::Status WriteStatements::Put(const WindowRecord& window) {
  if (window.merged > 1) {
    SLUICE_RETURN_IF_ERROR(old_windows_.Bind(1, window.run)
                               .Bind(2, window.serial)
                               .Bind(3, window.serial + window.merged - 1)
                               .Run());
  }
  return window_.Bind(1, window.run)
      .Bind(2, window.serial)
      .Bind(3, window.first_step)
      .Bind(4, window.last_step)
      .Bind(5, window.coverage)
      .Bind(6, window.directive_version)
      .Bind(7, WindowToJson(window))
      .Run();
}

absl::Status WriteStatements::Put(const Directive& directive) {
  return directive_.Bind(1, directive.run)
      .Bind(2, directive.version)
      .Bind(3, DirectiveToJson(directive))
      .Run();
}

absl::Status WriteStatements::Put(const JournalRecord& entry) {
  return journal_.Bind(1, entry.run)
      .Bind(2, entry.serial)
      .Bind(3, entry.step)
      .Bind(4, entry.kind)
      .Bind(5, entry.directive.has_value() ? entry.directive->version : 0)
      .Bind(6, entry.input)
      .Bind(7, OutcomeToJson(entry))
      .Bind(8, entry.reason)
      .Run();
}

absl::Status WriteStatements::Put(const Quarantine& quarantine) {
  return quarantine_.Bind(1, quarantine.file)
      .Bind(2, quarantine.reason)
      .Bind(3, uint64_t{quarantine.acknowledged})
      .Run();
}

absl::Status WriteStatements::Put(const StateIdentity& identity) {
  return identity_.Bind(1, uint64_t{1})
      .Bind(2, identity.id)
      .Bind(3, uint64_t{kSchemaVersion})
      .Bind(4, identity.commits)
      .Run();
}

absl::Status WriteStatements::Put(const EventRecord& event) {
  return event_.Bind(1, event.run)
      .Bind(2, event.event.kind)
      .Bind(3, event.event.key)
      .Bind(4, event.event.step)
      .Bind(5, event.event.body)
      .Run();
}

absl::Status WriteStatements::Put(const MapRecord& map) {
  SLUICE_RETURN_IF_ERROR(old_maps_.Bind(1, map.run)
                             .Bind(2, map.event.kind)
                             .Bind(3, map.oldest_kept)
                             .Bind(4, map.event.step)
                             .Run());
  return Put(EventRecord{map.run, map.event});
}

}  // namespace sluice::sidecar
