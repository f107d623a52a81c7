#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "sidecar/ingest/message_sink.h"
#include "sidecar/ingest/write_port.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

using RelayDriver = PortDriver<v1::RelayResponse>;

// The writer thread's way to the lanes of one relay's stream: keeps what is to be sent, in order
// per lane. A write takes all that waits, up to kBatchBytes. Acks and directives that were not yet
// sent give way to newer ones of their lane; a relay so slow that kQueuedPerLane messages wait for
// each lane that it may have is cut off.
class RelayPort final : public WritePort<v1::RelayResponse> {
 public:
  static constexpr size_t kQueuedPerLane = 8;
  static constexpr size_t kBatchBytes = 512 * 1024;

  // `lanes`: how many the stream may have.
  RelayPort(RelayDriver* driver, size_t lanes)
      : WritePort(driver), most_queued_(kQueuedPerLane * lanes) {}

  void Send(uint64_t lane, v1::SidecarMessage message);
  // The lane's last word.
  void End(uint64_t lane, grpc::StatusCode code, const std::string& why);

 private:
  using Newest = std::map<uint64_t, v1::LaneResponse*>;

  void Enqueue(v1::LaneResponse response, Newest* newest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakeNext(v1::RelayResponse& batch) override;
  void Drop() override;

  const size_t most_queued_;
  std::deque<v1::LaneResponse> queue_ ABSL_GUARDED_BY(mutex_);
  // By lane, those in the queue that a newer one replaces.
  Newest acks_ ABSL_GUARDED_BY(mutex_);
  Newest directives_ ABSL_GUARDED_BY(mutex_);
};

// One lane of it, as the engine sees it.
class LaneSink final : public MessageSink {
 public:
  LaneSink(std::shared_ptr<RelayPort> port, uint64_t lane) : port_(std::move(port)), lane_(lane) {}

  void Send(v1::SidecarMessage message) override { port_->Send(lane_, std::move(message)); }
  void End() override { port_->End(lane_, grpc::StatusCode::OK, ""); }
  void Close(const std::string& why) override {
    port_->End(lane_, grpc::StatusCode::FAILED_PRECONDITION, why);
  }

 private:
  const std::shared_ptr<RelayPort> port_;
  const uint64_t lane_;
};

}  // namespace sluice::sidecar
