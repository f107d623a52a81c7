#pragma once

#include <deque>
#include <string>

#include "sidecar/ingest/message_sink.h"
#include "sidecar/ingest/write_port.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

using StreamDriver = PortDriver<v1::SidecarMessage>;

// The writer thread's way to one rank's stream. Acks and directives that were not yet sent give way
// to newer ones; a reader so slow that kMaxQueued messages wait is cut off.
class StreamPort : public MessageSink, public WritePort<v1::SidecarMessage> {
 public:
  static constexpr size_t kMaxQueued = 256;

  using WritePort::WritePort;

  void Send(v1::SidecarMessage message) override;
  void End() override;
  void Close(const std::string& why) override;

 private:
  bool TakeNext(v1::SidecarMessage& message) override;
  void Drop() override;

  std::deque<v1::SidecarMessage> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar
