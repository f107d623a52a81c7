#include "sidecar/engine/engine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "common/status.h"
#include "sidecar/engine/features.h"

namespace sluice::sidecar {

Engine::Engine(const PolicyOptions& options, StoredState stored)
    : options_(options), epoch_floor_(stored.epoch_floor) {
  for (RunRecord& record : stored.runs) {
    activity_ = std::max(activity_, record.activity);
    const std::string name = record.run;
    runs_.emplace(name, Run(std::move(record), options_));
  }
  for (RankRecord& rank : stored.ranks) {
    if (const auto run = runs_.find(rank.run); run != runs_.end()) {
      run->second.RestoreRank(std::move(rank));
    }
  }
  for (WindowRecord& window : stored.windows) {
    if (const auto run = runs_.find(window.run); run != runs_.end()) {
      run->second.RestoreWindow(std::move(window));
    }
  }
  for (EventRecord& map : stored.maps) {
    if (const auto run = runs_.find(map.run); run != runs_.end()) {
      run->second.RestoreMap(std::move(map.event));
    }
  }
}

bool Engine::Tick(AlertTime now) {
  now_ = now;
  bool changed = false;
  for (auto& [name, run] : runs_) changed |= run.Tick(now);
  return changed;
}

void Engine::Apply(const Command& command, Outbox& outbox) {
  if (const auto* message = std::get_if<StreamMessage>(&command)) OnMessage(*message, outbox);
  if (const auto* rejected = std::get_if<RejectedMessage>(&command)) OnRejected(*rejected, outbox);
  if (const auto* closed = std::get_if<StreamClosed>(&command)) OnClosed(*closed, outbox);
  if (const auto* set = std::get_if<SetThresholdCommand>(&command)) OnSetThreshold(*set, outbox);
  if (const auto* reset = std::get_if<ResetBreakerCommand>(&command))
    OnResetBreaker(*reset, outbox);
  if (const auto* seen = std::get_if<AcknowledgeQuarantineCommand>(&command))
    OnAcknowledge(*seen, outbox);
}

void Engine::Refuse(const std::shared_ptr<StreamSink>& sink, uint64_t seq, const absl::Status& why,
                    bool close, Outbox& outbox) {
  const RefusalReason reason = ReasonOf(why);
  ++rejected_[ReasonName(reason)];
  const std::string detail(why.message());
  spdlog::debug("refused message {}: {}: {}", seq, ReasonName(reason), detail);
  outbox.replies.push_back([sink, seq, reason, detail, close] {
    sink->Refuse(seq, reason, detail);
    if (close) sink->Close(detail);
  });
}

void Engine::OnMessage(const StreamMessage& command, Outbox& outbox) {
  const Identity& identity = command.message.identity;
  if (const auto* hello = std::get_if<Hello>(&command.message.body)) {
    OnHello(command, *hello, outbox);
    return;
  }
  const auto binding = bindings_.find(command.sink.get());
  if (binding == bindings_.end()) {
    Refuse(
        command.sink, identity.seq,
        sidecar::Refuse(RefusalReason::kMalformed, "the first message of a stream must be Hello"),
        true, outbox);
    return;
  }
  const Binding& bound = binding->second;
  Run& run = runs_.at(bound.run);
  absl::Status status;
  if (identity.run != bound.run || identity.rank != bound.rank) {
    status = sidecar::Refuse(RefusalReason::kMalformed,
                             absl::StrCat("run '", identity.run, "' rank ", identity.rank,
                                          " is not what the stream's Hello named"));
  } else {
    status = run.Take(identity, command.message.body, command.sink, outbox);
  }
  if (status.ok()) return;
  // Whatever was wrong with it, it will not be sent again: its number must not leave a gap. An
  // earlier holder's number is none of this stream's, which may still bring its own message of that
  // number.
  if (!run.IsStale(identity))
    run.TakeRejected(bound.rank, identity.first_seq, identity.seq, command.sink, outbox);
  Refuse(command.sink, identity.seq, status, false, outbox);
}

absl::StatusOr<HelloReply> Engine::Greet(const StreamMessage& command, const Hello& hello,
                                         Outbox& outbox) {
  const Identity& identity = command.message.identity;
  if (bindings_.contains(command.sink.get())) {
    return sidecar::Refuse(RefusalReason::kMalformed, "a stream has one Hello");
  }
  for (const std::string& feature : hello.required_features) {
    if (std::find(kFeatures.begin(), kFeatures.end(), feature) == kFeatures.end()) {
      return sidecar::Refuse(RefusalReason::kUnknown,
                             absl::StrCat("required feature '", feature, "' is not one of ",
                                          absl::StrJoin(kFeatures, ", ")));
    }
  }
  if (!runs_.contains(identity.run) && runs_.size() >= kMaxRuns) {
    return sidecar::Refuse(RefusalReason::kLimit,
                           absl::StrCat("there are ", kMaxRuns, " runs already"));
  }
  const auto [entry, is_new] =
      runs_.try_emplace(identity.run, identity.run, options_, epoch_floor_);
  Run& run = entry->second;
  if (is_new) run.Tick(now_);
  absl::StatusOr<HelloReply> reply = run.Greet(identity, hello, command.sink, outbox);
  if (reply.ok()) bindings_[command.sink.get()] = Binding{identity.run, identity.rank};
  if (!run.known()) runs_.erase(identity.run);
  return reply;
}

void Engine::OnHello(const StreamMessage& command, const Hello& hello, Outbox& outbox) {
  const Identity& identity = command.message.identity;
  const absl::StatusOr<HelloReply> reply = Greet(command, hello, outbox);
  if (!reply.ok()) {
    spdlog::warn("run '{}' rank {}: Hello refused: {}", identity.run, identity.rank,
                 std::string(reply.status().message()));
    Refuse(command.sink, identity.seq, reply.status(), true, outbox);
    return;
  }
  spdlog::info("run '{}' rank {} of {}: generation {}, lease epoch {}, from step {}", identity.run,
               identity.rank, hello.world_size, identity.generation, reply->lease_epoch,
               hello.start_step);
  outbox.replies.push_back([sink = command.sink, reply = *reply] { sink->Reply(reply); });
}

void Engine::OnRejected(const RejectedMessage& command, Outbox& outbox) {
  const auto binding = bindings_.find(command.sink.get());
  const bool bound = binding != bindings_.end();
  if (bound) {
    Run& run = runs_.at(binding->second.run);
    run.TakeRejected(binding->second.rank, command.first_seq, command.seq, command.sink, outbox);
    if (ReasonOf(command.why) == RefusalReason::kOutOfRange) {
      run.NoteRefusedNumber(std::string(command.why.message()));
    }
  }
  // Before its Hello a stream has nothing to lose: a bad Hello ends it.
  Refuse(command.sink, command.seq, command.why, !bound, outbox);
}

void Engine::OnClosed(const StreamClosed& command, Outbox& outbox) {
  outbox.pushes.push_back([sink = command.sink] { sink->End(); });
  const auto binding = bindings_.find(command.sink.get());
  if (binding == bindings_.end()) return;
  runs_.at(binding->second.run).Disconnect(binding->second.rank, command.sink.get());
  bindings_.erase(binding);
}

void Engine::OnSetThreshold(const SetThresholdCommand& command, Outbox& outbox) {
  const auto run = runs_.find(command.run);
  absl::StatusOr<Directive> result =
      run == runs_.end()
          ? absl::NotFoundError(absl::StrCat("run '", command.run, "' is not known"))
          : run->second.SetThreshold(command.layer, command.threshold, command.reason, outbox);
  outbox.answers.push_back({command.done, result});
}

void Engine::OnResetBreaker(const ResetBreakerCommand& command, Outbox& outbox) {
  const auto run = runs_.find(command.run);
  absl::StatusOr<Directive> result =
      run == runs_.end() ? absl::NotFoundError(absl::StrCat("run '", command.run, "' is not known"))
                         : run->second.ResetBreaker(command.reason, outbox);
  outbox.answers.push_back({command.done, result});
}

void Engine::OnAcknowledge(const AcknowledgeQuarantineCommand& command, Outbox& outbox) {
  acknowledge_ = true;
  outbox.answers.push_back({command.done, Directive{}});
}

Changes Engine::PendingChanges() {
  Changes changes;
  changes.acknowledge_quarantine = acknowledge_;
  for (auto& [name, run] : runs_) {
    if (run.changed()) run.LookForAlerts(std::nullopt);
    run.AddChanges(activity_ + 1, changes);
  }
  if (!changes.empty()) ++activity_;
  return changes;
}

void Engine::MarkAllDirty() {
  for (auto& [name, run] : runs_) run.MarkAllDirty();
}

void Engine::Committed() {
  acknowledge_ = false;
  for (auto& [name, run] : runs_) run.Committed();
}

std::shared_ptr<View> Engine::MakeView(uint64_t commit_failures) {
  auto view = std::make_shared<View>();
  for (auto& [name, run] : runs_) {
    if (run.changed() || !views_.contains(name)) views_[name] = run.MakeView();
    view->runs.push_back(views_[name]);
  }
  std::stable_sort(view->runs.begin(), view->runs.end(), [](const auto& a, const auto& b) {
    return a->record.activity > b->record.activity;
  });
  view->rejected = rejected_;
  view->commit_failures = commit_failures;
  return view;
}

}  // namespace sluice::sidecar
