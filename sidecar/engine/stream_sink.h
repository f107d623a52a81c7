#pragma once

#include <cstdint>
#include <string>

#include "common/directive.h"
#include "sidecar/engine/messages.h"
#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {

// The way back to one rank. The writer thread calls it after a commit; implementations queue and
// never block, and do nothing once the stream is gone.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void Reply(const HelloReply& reply) = 0;
  virtual void Ack(uint64_t durable_seq) = 0;
  virtual void Push(const Directive& directive) = 0;
  virtual void Refuse(uint64_t seq, RefusalReason reason, const std::string& detail) = 0;
  // Ends the stream as planned once what was queued before is sent.
  virtual void End() = 0;
  // Ends the stream with an error once what was queued before is sent.
  virtual void Close(const std::string& why) = 0;
};

}  // namespace sluice::sidecar
