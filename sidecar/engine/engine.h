#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sidecar/engine/command.h"
#include "sidecar/engine/outbox.h"
#include "sidecar/engine/run.h"

namespace sluice::sidecar {

// All runs, and the one place that changes them. Owned by the writer thread, not synchronised, and
// free of I/O and clocks: commands and the time in, rows for the store, things to say and pictures
// out.
class Engine {
 public:
  Engine(const PolicyOptions& options, StoredState stored);

  // The time of the commands that follow, on a clock that never goes back. True if its passing
  // alone changed something: then there is something to commit.
  bool Tick(AlertTime now);

  void Apply(const Command& command, Outbox& outbox);

  // What is not durable yet. May be called again after a failed commit.
  Changes PendingChanges();
  void Committed();
  // The store begins anew: all that is known here is to be written.
  void MarkAllDirty();

  // The present picture, without what the store says of itself; runs that did not change are shared
  // with the former one.
  std::shared_ptr<View> MakeView(uint64_t commit_failures);

 private:
  // Most runs that are kept: a bound on memory and on the metrics' labels.
  static constexpr size_t kMaxRuns = 1000;

  struct Binding {
    std::string run;
    uint32_t rank = 0;
  };

  void OnMessage(const StreamMessage& command, Outbox& outbox);
  void OnHello(const StreamMessage& command, const Hello& hello, Outbox& outbox);
  absl::StatusOr<HelloReply> Greet(const StreamMessage& command, const Hello& hello,
                                   Outbox& outbox);
  void OnRejected(const RejectedMessage& command, Outbox& outbox);
  void OnClosed(const StreamClosed& command, Outbox& outbox);
  void OnSetThreshold(const SetThresholdCommand& command, Outbox& outbox);
  void OnAcknowledge(const AcknowledgeQuarantineCommand& command, Outbox& outbox);
  void OnResetBreaker(const ResetBreakerCommand& command, Outbox& outbox);
  void Refuse(const std::shared_ptr<StreamSink>& sink, uint64_t seq, const absl::Status& why,
              bool close, Outbox& outbox);

  PolicyOptions options_;
  std::map<std::string, Run> runs_;
  std::map<const StreamSink*, Binding> bindings_;
  std::map<std::string, uint64_t> rejected_;
  std::map<std::string, std::shared_ptr<const RunView>> views_;
  AlertTime now_{};
  uint64_t activity_ = 0;
  uint64_t epoch_floor_ = 0;
  bool acknowledge_ = false;
};

}  // namespace sluice::sidecar
