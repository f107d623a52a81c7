#include "sidecar/engine/run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/faults.h"
#include "sidecar/engine/rank.h"
#include "sidecar/engine/windows.h"
#include "sidecar/store/record_json.h"

namespace sluice::sidecar {

Run::Run(const std::string& name, const PolicyOptions& options, uint64_t epoch_floor)
    : options_(options), epoch_floor_(epoch_floor) {
  record_.run = name;
}

Run::Run(RunRecord record, const PolicyOptions& options)
    : options_(options), record_(std::move(record)), changed_(true) {}

void Run::RestoreRank(RankRecord record) {
  Slot& slot = slots_[record.rank];
  slot.seqs = SeqTracker(record.seq);
  slot.record = std::move(record);
}

void Run::RestoreWindow(WindowRecord window) {
  history_.push_back(std::make_shared<const WindowRecord>(std::move(window)));
}

absl::Status Run::CheckSender(const Identity& identity, const StreamSink* sink) const {
  if (SLUICE_DEFECT("no_fencing")) return absl::OkStatus();
  const auto slot = slots_.find(identity.rank);
  if (slot == slots_.end() || slot->second.sink.get() != sink) {
    return Refuse(RefusalReason::kStale,
                  absl::StrCat("a newer stream speaks for rank ", identity.rank));
  }
  const RankRecord& rank = slot->second.record;
  if (identity.lease_epoch != record_.epoch) {
    return Refuse(
        identity.lease_epoch < record_.epoch ? RefusalReason::kStale : RefusalReason::kMalformed,
        absl::StrCat("lease_epoch is ", identity.lease_epoch, ", expected ", record_.epoch));
  }
  if (identity.generation != rank.generation || identity.incarnation != rank.incarnation) {
    return Refuse(RefusalReason::kMalformed,
                  absl::StrCat("generation ", identity.generation, " and incarnation ",
                               identity.incarnation, " are not those of the stream's Hello"));
  }
  return absl::OkStatus();
}

absl::Status Run::CheckLayers(const GateSnapshot& snapshot) const {
  const Counters& counters = snapshot.counters;
  if (counters.layer_count != record_.gates.size()) {
    return Refuse(RefusalReason::kUnknown,
                  absl::StrCat("counters.layers has ", counters.layer_count,
                               " entries, expected one per gate of Hello: ", record_.gates.size()));
  }
  for (uint32_t i = 0; i < counters.layer_count; ++i) {
    if (counters.layers[i].layer != record_.gates[i].layer) {
      return Refuse(RefusalReason::kUnknown,
                    absl::StrCat("counters.layers[", i, "].layer is ", counters.layers[i].layer,
                                 ", expected gate layer ", record_.gates[i].layer));
    }
  }
  return absl::OkStatus();
}

absl::Status Run::Take(const Identity& identity, const Body& body,
                       const std::shared_ptr<StreamSink>& sink, Outbox& outbox) {
  SLUICE_RETURN_IF_ERROR(CheckSender(identity, sink.get()));
  Slot& slot = slots_[identity.rank];
  const bool is_new = slot.seqs.Take(identity.first(), identity.seq);
  absl::Status status;
  if (const auto* snapshot = std::get_if<GateSnapshot>(&body)) {
    status = CheckLayers(*snapshot);
    if (status.ok()) TakeSnapshot(*snapshot, is_new, slot, outbox);
  } else if (const auto* event = std::get_if<Event>(&body)) {
    TakeEvent(*event, is_new, slot, outbox);
  }
  slot.since = now_;
  slot.record.seq = slot.seqs.durable();
  dirty_ranks_.insert(identity.rank);
  changed_ = true;
  outbox.acks[sink] = slot.record.seq;
  return status;
}

void Run::TakeRejected(uint32_t rank, uint64_t first, uint64_t seq,
                       const std::shared_ptr<StreamSink>& sink, Outbox& outbox) {
  const auto it = slots_.find(rank);
  if (it == slots_.end() || it->second.sink != sink) return;
  it->second.since = now_;  // It speaks, whatever it says.
  if (seq == 0) return;
  it->second.seqs.Take(first == 0 ? seq : first, seq);
  it->second.record.seq = it->second.seqs.durable();
  dirty_ranks_.insert(rank);
  outbox.acks[sink] = it->second.record.seq;
}

void Run::TakeSnapshot(const GateSnapshot& snapshot, bool is_new, Slot& slot, Outbox& outbox) {
  if (is_new || SLUICE_DEFECT("no_dedup")) slot.record.coalesced += snapshot.coalesced;
  if (!MergeSnapshot(snapshot, record_.window_end, options_.window, slot.record)) return;
  arrivals_.Note(slot.record);
  dirty_ = true;
  if (snapshot.last_step == slot.record.last_step) slot.timing = snapshot.timing;
  record_.generation_max = std::max(record_.generation_max, slot.record.last_step);
  if (slot.record.rank == 0 && snapshot.last_step >= record_.newest.step) {
    record_.alerts.applied_version = snapshot.directive_version;
    Newest& newest = record_.newest;
    uint64_t& silent_step = record_.alerts.silent_step;
    if (snapshot.rate_alerts_silent) silent_step = snapshot.last_step;
    // The worker may have merged silent steps into this snapshot, which says it of its last alone.
    if (newest.rate_alerts_silent) silent_step = std::max(silent_step, snapshot.last_step - 1);
    newest = Newest{snapshot.last_step,          snapshot.loss,
                    snapshot.train_accuracy,     snapshot.accuracy_dense,
                    snapshot.accuracy_gated,     snapshot.gradient_norm,
                    snapshot.learning_rate,      snapshot.images_per_second,
                    snapshot.rate_alerts_silent, {},
                    snapshot.compute_saved_ratio};
    for (uint32_t i = 0; i < snapshot.counters.layer_count; ++i) {
      newest.thresholds.push_back(snapshot.layers[i].threshold);
    }
  }
  if (IsTimeToClose()) CloseWindows(outbox);
}

void Run::TakeEvent(const Event& event, bool is_new, Slot& slot, Outbox& outbox) {
  if (event.ended) {
    slot.record.ended = true;
  }
  if (event.probe.has_value() && is_new) TakeProbe(event.key, *event.probe, outbox);
  if (event.kind == "breaker" && is_new) TakeRung(event, outbox);
  if (event.kind.starts_with("checkpoint") && is_new) TakeCheckpoint(event);
  if (event.version > 0) TakeVersion(event);
  if (event.kind == kTokenMapEvent) {
    if (is_new) TakeMap(event);
    return;
  }
  if (event.activity.has_value()) {
    if (is_new) TakeActivity(*event.activity, outbox);
    return;
  }
  appended_.events.push_back({record_.run, event});
}

bool Run::IsTimeToClose() {
  if (arrivals_.Await(record_.window_end, options_.window, record_.world_size)) {
    for (const auto& [rank, slot] : slots_) arrivals_.Note(slot.record);
  }
  return arrivals_.IsTimeToClose();
}

void Run::CloseWindows(Outbox& outbox) {
  std::map<uint32_t, RankRecord*> ranks;
  for (auto& [rank, slot] : slots_) ranks[rank] = &slot.record;
  while (auto window =
             CloseNextWindow(record_.window_end, options_.window, record_.world_size, ranks)) {
    record_.window_end = window->last_step;
    for (const auto& [rank, record] : ranks) dirty_ranks_.insert(rank);
    // All of it was counted with an earlier window: snapshots jumped over it.
    if (window->counts.steps == 0) continue;
    const JournalInput input = WindowInput(record_, options_, *window);
    const SteeringResult result = Steer(*window, options_, record_);
    RecordWindow(*window, result);
    // Where no threshold is the lever nothing was decided.
    if (!result.decisions.empty()) {
      Note(input, window->last_step, result.directive, result.reason, result.decisions);
    }
    if (result.directive.has_value()) Announce(*result.directive, outbox);
    LookForAlerts(window->last_step);
  }
}

void Run::RecordWindow(const ClosedWindow& window, const SteeringResult& result) {
  record_.coverage = window.coverage;
  record_.trigger_ratio =
      static_cast<double>(window.counts.backward_steps) / static_cast<double>(window.counts.steps);
  WindowRecord record;
  record.run = record_.run;
  record.serial = ++record_.windows;
  record.first_step = window.first_step;
  record.last_step = window.last_step;
  record.coverage = window.coverage;
  record.reason = result.reason;
  record.loss = record_.newest.loss;
  if (result.directive.has_value()) record.directive_version = result.directive->version;
  for (size_t i = 0; i < record_.gates.size(); ++i) {
    const LayerDirective in_force = InForce(record_, i);
    const LayerSteering& layer = record_.steering[i];
    record.layers.push_back({in_force.layer, in_force.threshold, in_force.target_rate,
                             layer.last_mean, layer.ema_mean, layer.last_stddev, layer.last_rate});
  }
  appended_.windows.push_back(record);
  history_.push_back(std::make_shared<const WindowRecord>(std::move(record)));
  for (WindowRecord& merged : DownSample(options_.history, history_)) {
    appended_.windows.push_back(std::move(merged));
  }
  history_view_.reset();
  ++revision_;
}

JournalInput Run::InputOf(const std::string& kind) const {
  JournalInput input;
  input.kind = kind;
  input.before = PolicyState(record_);
  input.options = options_;
  return input;
}

void Run::Note(const JournalInput& input, uint64_t step, const std::optional<Directive>& directive,
               const std::string& reason, std::vector<DecisionRecord> decisions) {
  appended_.journal.push_back({record_.run, ++record_.journal, step, input.kind, InputToJson(input),
                               std::move(decisions), directive, reason});
}

void Run::Announce(const Directive& directive, Outbox& outbox) {
  appended_.directives.push_back(directive);
  ++revision_;
  for (const auto& [rank, slot] : slots_) {
    if (slot.sink == nullptr) continue;
    if (SLUICE_DEFECT("push_before_durable")) slot.sink->Push(directive);
    outbox.pushes.push_back([sink = slot.sink, directive] { sink->Push(directive); });
  }
}

void Run::Disconnect(uint32_t rank, const StreamSink* sink) {
  const auto it = slots_.find(rank);
  if (it == slots_.end() || it->second.sink.get() != sink) return;
  it->second.sink.reset();
  it->second.since = now_;
  changed_ = true;
}

absl::StatusOr<Directive> Run::SetThreshold(uint32_t layer, double threshold,
                                            const std::string& reason, Outbox& outbox) {
  JournalInput input = InputOf("set_threshold");
  input.layer = layer;
  input.threshold = threshold;
  input.reason = reason;
  SLUICE_ASSIGN_OR_RETURN(const Directive directive,
                          sidecar::SetThreshold(layer, threshold, reason, options_, record_));
  Note(input, record_.window_end, directive, directive.reason);
  dirty_ = changed_ = true;
  Announce(directive, outbox);
  return directive;
}

}  // namespace sluice::sidecar
