#pragma once

#include <chrono>
#include <memory>

#include "common/security/guard.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/ingest/relay_streams.h"
#include "sidecar/ingest/stream_list.h"
#include "sidecar/ingest/stream_taker.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// The service Telemetry on gRPC's callback API. A reaction hands what was read to the taker and
// starts the next read, or leaves that to the taker: no reaction blocks. A stream speaks for the
// runs and ranks that its caller may speak for, or ends. Thread-safe.
class TelemetryService final : public v1::Telemetry::CallbackService {
 public:
  // A sidecar's: what ranks and relays say goes into the queue. What is given outlives the service.
  TelemetryService(CommandQueue* queue, security::Guard* guard, const StreamLimits& limits = {});
  // A relay's: takes no relays.
  TelemetryService(StreamTaker* taker, security::Guard* guard, const StreamLimits& limits = {});

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>* Relay(
      grpc::CallbackServerContext* context) override;

  // New streams are turned away from now on; those that are up read no more.
  void StopReading() { list_.StopReading(); }
  // Ends all streams with UNAVAILABLE once their last messages are sent, and waits until they are
  // gone or the deadline has come.
  void FinishStreams(std::chrono::steady_clock::time_point deadline) { list_.Finish(deadline); }

 private:
  class Reactor;
  class NoRelays;

  security::Guard* const guard_;
  StreamList list_;
  std::unique_ptr<QueueTaker> own_taker_;  // Null where the taker is another's.
  StreamTaker* const taker_;
  std::unique_ptr<RelayStreams> relays_;  // Null: none are taken.
};

}  // namespace sluice::sidecar
