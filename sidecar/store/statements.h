#pragma once

#include "absl/status/statusor.h"
#include "sidecar/engine/records.h"
#include "sidecar/store/database.h"
#include "sidecar/store/quarantine.h"
#include "sidecar/store/schema.h"

namespace sluice::sidecar {

// The prepared writes of one connection. Not thread-safe; must not outlive the connection.
class WriteStatements {
 public:
  static absl::StatusOr<WriteStatements> Prepare(Database& database);

  absl::Status ClearRun(const std::string& run);
  absl::Status Put(const RunRecord& run);
  absl::Status Put(const RankRecord& rank);
  absl::Status Put(const WindowRecord& window);
  absl::Status Put(const Directive& directive);
  absl::Status Put(const JournalRecord& entry);
  absl::Status Put(const EventRecord& event);
  absl::Status Put(const MapRecord& map);
  absl::Status Put(const Quarantine& quarantine);
  absl::Status Put(const StateIdentity& identity);

 private:
  WriteStatements() = default;
  Statement clear_ranks_{nullptr}, clear_marks_{nullptr}, run_{nullptr}, rank_{nullptr};
  Statement old_marks_{nullptr}, mark_{nullptr}, old_windows_{nullptr}, window_{nullptr};
  Statement directive_{nullptr}, journal_{nullptr}, event_{nullptr}, quarantine_{nullptr};
  Statement identity_{nullptr}, old_maps_{nullptr};
};

}  // namespace sluice::sidecar
