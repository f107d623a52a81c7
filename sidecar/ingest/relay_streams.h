#pragma once

#include <grpcpp/grpcpp.h>

#include "common/security/guard.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/ingest/stream_list.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// The streams of relays: what Telemetry.Relay does. A reaction hands the commands of a request to
// the queue and starts the next read, or, if the queue is full, leaves that to the writer thread:
// no reaction blocks. A relay without ranks may be silent for as long as it likes. Thread-safe.
class RelayStreams {
 public:
  // What is given outlives it.
  RelayStreams(CommandQueue* queue, security::Guard* guard, StreamList* list)
      : queue_(queue), guard_(guard), list_(list) {}

  grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>* Start(
      const grpc::CallbackServerContext& context);

 private:
  class Reactor;

  CommandQueue* const queue_;
  security::Guard* const guard_;
  StreamList* const list_;
};

}  // namespace sluice::sidecar
