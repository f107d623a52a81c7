#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sidecar/ingest/message_sink.h"
#include "sidecar/ingest/stream_list.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// What the port needs of its gRPC reactor.
class RelayDriver {
 public:
  virtual ~RelayDriver() = default;
  virtual void DriveWrite(const v1::RelayResponse* response) = 0;
  virtual void DriveRead() = 0;
  virtual void DriveFinish(const grpc::Status& status) = 0;
};

// The writer thread's way to the lanes of one relay, which may outlive the stream: keeps what is to
// be sent, in order per lane, and lets one write, one read and one finish run at a time. A write
// takes all that waits, up to kBatchBytes. Acks and directives that were not yet sent give way to
// newer ones of their lane; a relay so slow that kQueuedPerLane messages wait for each lane that it
// may have is cut off. Thread-safe: the driver is only called under the lock and never after
// Detach.
class RelayPort final : public OpenStream {
 public:
  static constexpr size_t kQueuedPerLane = 8;
  static constexpr size_t kBatchBytes = 512 * 1024;

  // `lanes`: how many the stream may have.
  RelayPort(RelayDriver* driver, size_t lanes)
      : most_queued_(kQueuedPerLane * lanes), driver_(driver) {}

  void Send(uint64_t lane, v1::SidecarMessage message);
  // The lane's last word.
  void End(uint64_t lane, grpc::StatusCode code, const std::string& why);
  void Finish(const grpc::Status& status) override;

  // Starts the next read unless the stream is ending.
  void Read();
  void OnWriteDone(bool ok);
  // The stream broke: nothing more is queued.
  void Break(const grpc::Status& status);
  // The reactor is about to go away.
  void Detach();

 private:
  using Newest = std::map<uint64_t, v1::LaneResponse*>;

  void Enqueue(v1::LaneResponse response, Newest* newest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FillBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t most_queued_;
  absl::Mutex mutex_;
  RelayDriver* driver_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::LaneResponse> queue_ ABSL_GUARDED_BY(mutex_);
  // By lane, those in the queue that a newer one replaces.
  Newest acks_ ABSL_GUARDED_BY(mutex_);
  Newest directives_ ABSL_GUARDED_BY(mutex_);
  v1::RelayResponse batch_ ABSL_GUARDED_BY(mutex_);  // Under way while writing_.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
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
