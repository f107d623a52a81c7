#include "sidecar/store/statements.h"

#include "common/status.h"
#include "sidecar/store/record_json.h"
#include "sidecar/wire/counters.h"

namespace sluice::sidecar {

absl::StatusOr<WriteStatements> WriteStatements::Prepare(Database& database) {
  WriteStatements s;
  const std::pair<Statement*, const char*> all[] = {
      {&s.clear_ranks_, "DELETE FROM ranks WHERE run=?"},
      {&s.clear_marks_, "DELETE FROM marks WHERE run=?"},
      {&s.run_, "INSERT OR REPLACE INTO runs VALUES(?,?,?,?,?,?,?)"},
      {&s.rank_, "INSERT OR REPLACE INTO ranks VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&s.old_marks_, "DELETE FROM marks WHERE run=? AND rank=?"},
      {&s.mark_, "INSERT OR REPLACE INTO marks VALUES(?,?,?,?,?)"},
      {&s.window_, "INSERT INTO windows VALUES(NULL,?,?,?,?,?,?)"},
      {&s.directive_, "INSERT OR REPLACE INTO directives VALUES(?,?,?)"},
      {&s.decision_, "INSERT INTO decisions VALUES(NULL,?,?,?,?,?,?)"},
      {&s.event_, "INSERT OR REPLACE INTO events VALUES(?,?,?,?,?)"},
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
  return window_.Bind(1, window.run)
      .Bind(2, window.first_step)
      .Bind(3, window.last_step)
      .Bind(4, window.coverage)
      .Bind(5, window.directive_version)
      .Bind(6, WindowToJson(window))
      .Run();
}

absl::Status WriteStatements::Put(const Directive& directive) {
  return directive_.Bind(1, directive.run)
      .Bind(2, directive.version)
      .Bind(3, DirectiveToJson(directive))
      .Run();
}

absl::Status WriteStatements::Put(const DecisionRecord& decision) {
  return decision_.Bind(1, decision.run)
      .Bind(2, decision.step)
      .Bind(3, uint64_t{decision.layer})
      .Bind(4, decision.directive_version)
      .Bind(5, DecisionToJson(decision))
      .Bind(6, decision.reason)
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
