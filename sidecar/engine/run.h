#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/engine/arrivals.h"
#include "sidecar/engine/outbox.h"
#include "sidecar/engine/records.h"
#include "sidecar/engine/replay.h"
#include "sidecar/engine/seq_tracker.h"
#include "sidecar/engine/steering.h"
#include "sidecar/engine/stream_sink.h"
#include "sidecar/engine/view.h"

namespace sluice::sidecar {

// Maps of open patches that are kept of a run, in memory and in the store.
inline constexpr size_t kMapsKept = 8;

// One run: its lease, its ranks and its steering. Owned by the writer thread, not synchronised.
// Every change is also noted for the next commit.
class Run {
 public:
  // `epoch_floor`: lease epochs begin above it.
  Run(const std::string& name, const PolicyOptions& options, uint64_t epoch_floor = 0);
  Run(RunRecord record, const PolicyOptions& options);

  // Puts back what was read from the store.
  void RestoreRank(RankRecord record);
  void RestoreWindow(WindowRecord window);
  void RestoreMap(Event map);

  // Answers a Hello: grants the lease and binds the rank to `sink`; the stream that the rank had
  // before is closed. A refusal changes nothing. A directive that it leads to is in the answer, and
  // pushed to the other ranks by `outbox`.
  absl::StatusOr<HelloReply> Greet(Identity identity, const Hello& hello,
                                   const std::shared_ptr<StreamSink>& sink, Outbox& outbox);
  // Takes a message of a bound stream. After a refusal the caller has to call TakeRejected.
  absl::Status Take(const Identity& identity, const Body& body,
                    const std::shared_ptr<StreamSink>& sink, Outbox& outbox);
  // True for a message of an earlier holder of the lease.
  bool IsStale(const Identity& identity) const { return identity.lease_epoch < record_.epoch; }
  // Counts a message that was refused as taken, if `sink` is the rank's present stream. It stands
  // for those from `first` on, unless that is 0.
  void TakeRejected(uint32_t rank, uint64_t first, uint64_t seq,
                    const std::shared_ptr<StreamSink>& sink, Outbox& outbox);
  void Disconnect(uint32_t rank, const StreamSink* sink);

  // The directive is pushed to every rank by `outbox`.
  absl::StatusOr<Directive> SetThreshold(uint32_t layer, double threshold,
                                         const std::string& reason, Outbox& outbox);

  // Takes the breaker back to level 0 and gives its roll-backs back; FAILED_PRECONDITION if it is
  // there and none was used.
  absl::StatusOr<Directive> ResetBreaker(const std::string& reason, Outbox& outbox);
  // A message of a rank was refused for a number; `detail` says which.
  void NoteRefusedNumber(const std::string& detail);

  // The time of what follows. Looks for alerts that time alone raises, now and then; true if there
  // is something to commit.
  bool Tick(AlertTime now);
  // Brings the alerts up to date, after a change or at the end of a window.
  void LookForAlerts(std::optional<uint64_t> window_end);

  const RunRecord& record() const { return record_; }
  bool known() const { return record_.epoch > 0; }
  bool changed() const { return changed_; }
  // Adds what is not yet durable; may be called again after a failed commit.
  void AddChanges(uint64_t activity, Changes& changes);
  // The changes are durable.
  void Committed();
  // The store begins anew: all that is known here is to be written.
  void MarkAllDirty();
  std::shared_ptr<const RunView> MakeView();

 private:
  struct Slot {
    RankRecord record;
    SeqTracker seqs;
    std::shared_ptr<StreamSink> sink;
    std::optional<StepTiming> timing;  // Of its newest step; not kept for the next process.
    AlertTime since{};  // The last word of a rank with a stream; the stream's loss without one.
  };

  bool HolderIsLive() const;
  absl::Status CheckAgainstGroup(const Identity& identity, const Hello& hello) const;
  void ResetForNewTraining();
  // True if the run went on from a checkpoint.
  bool AdvanceGeneration(const Identity& identity, const Hello& hello);
  absl::Status CheckSender(const Identity& identity, const StreamSink* sink) const;
  absl::Status CheckLayers(const GateSnapshot& snapshot) const;
  void TakeSnapshot(const GateSnapshot& snapshot, bool is_new, Slot& slot, Outbox& outbox);
  void TakeEvent(const Event& event, bool is_new, Slot& slot, Outbox& outbox);
  void TakeProbe(const std::string& probe, const ProbeCheck& check, Outbox& outbox);
  void TakeVersion(const Event& event);
  void TakeMap(const Event& map);
  void TakeCheckpoint(const Event& event);
  void TakeActivity(const GroupActivity& activity, Outbox& outbox);
  void GoBackTo(uint64_t step);
  void BoundBreaker(Outbox& outbox);
  void EndRollBack(Outbox& outbox);
  // Puts a decision of the breaker into force.
  void Enforce(const JournalInput& input, const BreakerDecision& decision, uint64_t step,
               Outbox& outbox);
  // The run said what became of a rung.
  void TakeRung(const Event& event, Outbox& outbox);
  AlertInput Measure() const;
  bool IsTimeToClose();
  void CloseWindows(Outbox& outbox);
  void RecordWindow(const ClosedWindow& window, const SteeringResult& result);
  // Notes a decision with all that went into it.
  void Note(const JournalInput& input, uint64_t step, const std::optional<Directive>& directive,
            const std::string& reason, std::vector<DecisionRecord> decisions = {});
  JournalInput InputOf(const std::string& kind) const;
  void Announce(const Directive& directive, Outbox& outbox);

  PolicyOptions options_;
  uint64_t epoch_floor_ = 0;
  RunRecord record_;
  std::map<uint32_t, Slot> slots_;
  Arrivals arrivals_;  // Of what is in the slots.
  History history_;
  std::shared_ptr<const History> history_view_;
  Maps maps_;
  uint64_t revision_ = 0;
  AlertTime now_{};
  AlertTime group_since_{};  // The present group of ranks, as far as this process knows it.
  AlertTime looked_{};

  bool changed_ = false;  // The view is out of date.
  bool dirty_ = false;    // The record is not durable.
  bool cleared_ = false;
  std::set<uint32_t> dirty_ranks_;
  Changes appended_;  // Rows to be inserted.
};

}  // namespace sluice::sidecar
