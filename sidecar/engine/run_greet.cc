// How a run answers a Hello: lease, agreement with the other ranks, restore.
#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/engine/faults.h"
#include "sidecar/engine/lease.h"
#include "sidecar/engine/rank.h"
#include "sidecar/engine/run.h"

namespace sluice::sidecar {
namespace {

bool SameLayers(const std::vector<GateLayer>& a, const std::vector<GateLayer>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const GateLayer& x, const GateLayer& y) {
                      return x.layer == y.layer && x.policy == y.policy;
                    });
}

}  // namespace

bool Run::HolderIsLive() const {
  if (SLUICE_DEFECT("wall_clock_lease")) {
    using Wall = std::chrono::system_clock;
    static const auto apart = Wall::now().time_since_epoch() - now_.time_since_epoch();
    return Wall::now().time_since_epoch() - apart - now_.time_since_epoch() <
           std::chrono::seconds(15);
  }
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const auto& entry) { return entry.second.sink != nullptr; });
}

// Ranks of one lease epoch and generation must say the same of the run.
absl::Status Run::CheckAgainstGroup(const Identity& identity, const Hello& hello) const {
  const bool same_group =
      identity.lease_epoch == record_.epoch && identity.generation == record_.generation;
  if (same_group && hello.world_size != record_.world_size) {
    return Refuse(RefusalReason::kMalformed,
                  absl::StrCat("world_size is ", hello.world_size,
                               ", expected what the other ranks say: ", record_.world_size));
  }
  if (same_group && !SameLayers(hello.gates, record_.gates)) {
    return Refuse(RefusalReason::kMalformed,
                  "gates differ from those that the other ranks of this generation have");
  }
  const auto slot = slots_.find(identity.rank);
  if (slot != slots_.end()) {
    const RankRecord& rank = slot->second.record;
    if (rank.epoch == identity.lease_epoch && rank.generation == identity.generation &&
        identity.incarnation < rank.incarnation) {
      return Refuse(RefusalReason::kStale, absl::StrCat("incarnation is ", identity.incarnation,
                                                        ", expected at least ", rank.incarnation));
    }
  }
  return absl::OkStatus();
}

// Another training under the same name: versions and work go on, all else begins anew.
void Run::ResetForNewTraining() {
  slots_.clear();
  arrivals_.Forget();
  dirty_ranks_.clear();
  cleared_ = true;
  maps_.clear();
  record_.window_end = 0;
  record_.steering.clear();
  record_.newest = Newest{};
  record_.probes.clear();
  record_.breaker = BreakerState{};
  record_.alerts = AlertState{};
  record_.in_force.reset();
}

bool Run::AdvanceGeneration(const Identity& identity, const Hello& hello) {
  const bool first = record_.epoch == 0;
  if (!first && identity.lease_epoch == record_.epoch && identity.generation == record_.generation)
    return false;
  // What was done before the first Hello we saw is at least what led to its step.
  record_.work_base += first ? hello.start_step : record_.generation_max - record_.generation_start;
  record_.generation_start = record_.generation_max = hello.start_step;
  if (first) record_.window_end = hello.start_step / options_.window * options_.window;
  if (!first && hello.world_size != record_.world_size) {
    // The data is dealt out anew: counters of a rank no longer continue its marks.
    slots_.erase(slots_.lower_bound(hello.world_size), slots_.end());
    for (auto& [rank, slot] : slots_) slot.record.marks.clear();
    arrivals_.Forget();
    cleared_ = true;
    for (const auto& [rank, slot] : slots_) dirty_ranks_.insert(rank);
  }
  if (!first) GoBackTo(hello.start_step);
  record_.newest.step = 0;
  group_since_ = now_;
  record_.generation = identity.generation;
  record_.world_size = hello.world_size;
  record_.gates = hello.gates;
  ReconcileSteering(record_);
  return !first;
}

absl::StatusOr<HelloReply> Run::Greet(Identity identity, const Hello& hello,
                                      const std::shared_ptr<StreamSink>& sink, Outbox& outbox) {
  const Lease held{record_.epoch, record_.holder, record_.generation};
  SLUICE_ASSIGN_OR_RETURN(Lease lease,
                          GrantLease(held, hello.instance, identity.generation, HolderIsLive()));
  // A run of a lost state may have had any epoch up to the floor.
  if (held.epoch == 0) lease.epoch += epoch_floor_;
  identity.lease_epoch = lease.epoch;
  SLUICE_RETURN_IF_ERROR(CheckAgainstGroup(identity, hello));
  const bool new_holder = record_.epoch > 0 && lease.epoch != record_.epoch;
  if (new_holder) {
    for (auto& [rank, slot] : slots_) {
      if (slot.sink != nullptr) slot.sink->Close("another instance holds the run's lease");
      slot.sink.reset();
    }
    if (identity.generation == 0 && hello.start_step == 0) ResetForNewTraining();
  }
  const bool restored = AdvanceGeneration(identity, hello);
  record_.epoch = lease.epoch;
  record_.holder = lease.holder;
  JournalInput input = InputOf("adopted");
  if (hello.in_force.has_value() && AdoptDirective(*hello.in_force, options_, record_)) {
    input.adopted = record_.in_force;
    Note(input, hello.start_step, record_.in_force, "a worker had this directive in force");
    appended_.directives.push_back(*record_.in_force);
    ++revision_;
  }
  if (restored) EndRollBack(outbox);
  BoundBreaker(outbox);

  Slot& slot = slots_[identity.rank];
  if (slot.sink != nullptr) slot.sink->Close("a newer stream speaks for this rank");
  slot.sink = sink;
  slot.since = now_;
  const RankRecord& rank = slot.record;
  if (rank.epoch != identity.lease_epoch || rank.generation != identity.generation ||
      rank.incarnation != identity.incarnation) {
    BeginRank(identity, hello, record_.window_end, options_.window, slot.record);
    arrivals_.Note(slot.record);
    slot.seqs = SeqTracker();
    slot.timing.reset();
  }
  slot.seqs.StartStream();
  dirty_ranks_.insert(identity.rank);
  dirty_ = changed_ = true;
  return HelloReply{record_.epoch, slot.record.seq, record_.in_force,
                    static_cast<uint32_t>(options_.window)};
}

}  // namespace sluice::sidecar
