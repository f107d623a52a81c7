#pragma once

#include <string>

#include "sidecar/engine/stream_sink.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// A sink that sends what the engine says as protocol messages, in order.
class MessageSink : public StreamSink {
 public:
  void Reply(const HelloReply& reply) final;
  void Ack(uint64_t durable_seq) final;
  void Push(const Directive& directive) final;
  void Refuse(uint64_t seq, RefusalReason reason, const std::string& detail) final;

  // Queues; never blocks. An ack or a directive takes the place of one that still waits.
  virtual void Send(v1::SidecarMessage message) = 0;
};

}  // namespace sluice::sidecar
