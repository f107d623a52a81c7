#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "common/directive.h"
#include "common/snapshot.h"
#include "worker/telemetry/event.h"
#include "worker/telemetry/publisher_config.h"

namespace sluice::telemetry {

// Sends what one rank says to the sidecar and receives directives, on a thread of its own. The
// training thread never waits for it: a sidecar that is slow, absent, stopped or restarting costs
// the step nothing. Free of gRPC and Protobuf, so that files that include LibTorch may include it.
//
// Threads: Publish and TakeDirective belong to one thread, the training thread. Send, SetInForce
// and Stats may be called by any. Start once; Finish once, after the last Publish.
//
// gRPC and fork do not mix: start child processes before Start().
class Publisher {
 public:
  explicit Publisher(PublisherConfig config);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  // Without Finish: cancels the stream and drops what was not acknowledged. Never hangs.
  ~Publisher();

  // INVALID_ARGUMENT if the configuration cannot be used. An absent sidecar is no error.
  absl::Status Start();

  // Hands over the state after a step: <= 1 us, no lock, no allocation. What does not fit is
  // coalesced, so that no count is lost.
  void Publish(const GateSnapshot& snapshot);

  // Queues an event; not for every step. False if the queue is full: the event is dropped and
  // counted.
  bool Send(Event event);

  // Says which directive is in force now: later Hellos carry it, and older ones are refused as
  // stale. The trainer calls it on every rank when a directive takes effect.
  void SetInForce(const Directive& directive);

  // Newest directive that was not taken yet, checked against the run, its gate layers, all ranges
  // and the versions seen before. Never waits. Rank 0 only: other ranks get none.
  std::optional<Directive> TakeDirective();

  // Sends the last state and `ended`, waits until all is acknowledged or `timeout` has passed, then
  // closes the stream and joins the thread. DEADLINE_EXCEEDED that counts what was not
  // acknowledged.
  absl::Status Finish(const RunEnded& ended, std::chrono::milliseconds timeout);

  PublisherStats Stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::telemetry
