#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "worker/telemetry/backoff.h"
#include "worker/telemetry/directive_inbox.h"
#include "worker/telemetry/publisher_config.h"
#include "worker/telemetry/stream.h"
#include "worker/telemetry/unacked_queue.h"
#include "worker/telemetry/wakeup.h"

namespace sluice::telemetry {

// The publisher's state: what waits to be sent, the present stream, when to try again. It belongs
// to the publisher's thread, never waits, and takes the time as an argument.
//
//   no stream -> Hello sent -> live (HelloReply came) -> no stream, until next_attempt_
class Session {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `inbox` must outlive the session.
  Session(const PublisherConfig& config, DirectiveInbox* inbox, std::shared_ptr<Wakeup> wakeup,
          const security::ClientAccess& access = {});

  void Offer(const GateSnapshot& snapshot) { queue_.Add(snapshot, window_steps_); }
  void Offer(Event event);
  void SetInForce(const Directive& directive);

  // Handles what was received, renews a stalled stream, connects, writes. Call whenever woken.
  void Step(Time now);

  // Everything that was offered is acknowledged.
  bool finished() const { return queue_.empty(); }
  size_t waiting() const { return queue_.size(); }

  // Says that no message will follow, if the stream is up. Then Step until closed().
  void HalfClose();
  // True if there is no stream that the sidecar could still answer on.
  bool closed() const { return stream_ == nullptr; }
  // Cancels. Then call Settled() until it is true: gRPC is done with every stream.
  void Cancel(Time now);
  bool Settled();

  // Adds what the session counts.
  void FillStats(PublisherStats& stats) const;

 private:
  void ReadAll(Time now);
  void Connect(Time now);
  void Disconnect(Time now);
  // Forgets streams that gRPC is done with, and says why they ended.
  void SweepClosing();
  void Watch(Time now);
  void WriteNext(Time now);
  void Receive(const v1::SidecarMessage& message, Time now);
  void OnHelloReply(const v1::HelloReply& reply, Time now);
  void OnAck(uint64_t seq, Time now);
  void OnRefusal(const v1::Refusal& refusal, Time now);
  void OnDirective(const Directive& directive);
  v1::WorkerMessage NewMessage(uint64_t seq) const;
  const Directive* InForce() const;

  const PublisherConfig config_;
  const std::chrono::duration<double> stall_;
  DirectiveInbox* const inbox_;
  const std::shared_ptr<Wakeup> wakeup_;
  const security::ClientAccess access_;
  UnackedQueue queue_;
  Backoff backoff_;
  std::optional<Directive> in_force_;

  std::shared_ptr<Stream> stream_;
  std::vector<std::shared_ptr<Stream>> closing_;
  bool live_ = false;
  bool half_closed_ = false;
  bool lost_is_logged_ = false;
  uint64_t lease_epoch_ = 0;
  uint64_t window_steps_ = 10;  // The sidecar's default, until it says otherwise.
  Time progress_at_{};          // Of the stream: opened, answered, acknowledged.
  Time next_attempt_{};

  std::set<v1::RefusalReason> logged_refusals_;
  std::set<grpc::StatusCode> logged_ends_;
  uint64_t events_dropped_ = 0;
  uint64_t refused_ = 0;
  uint64_t directives_refused_ = 0;
  uint64_t reconnects_ = 0;
  uint64_t stalls_ = 0;
};

}  // namespace sluice::telemetry
