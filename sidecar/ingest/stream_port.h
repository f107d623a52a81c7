#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sidecar/ingest/message_sink.h"
#include "sidecar/ingest/stream_list.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// What the port needs of its gRPC reactor.
class StreamDriver {
 public:
  virtual ~StreamDriver() = default;
  virtual void DriveWrite(const v1::SidecarMessage* message) = 0;
  virtual void DriveRead() = 0;
  virtual void DriveFinish(const grpc::Status& status) = 0;
};

// The writer thread's way to one stream, which may outlive the stream: keeps what is to be sent and
// lets one write, one read and one finish run at a time. Acks and directives that were not yet sent
// give way to newer ones; a reader so slow that kMaxQueued messages wait is cut off. Thread-safe:
// the driver is only called under the lock and never after Detach.
class StreamPort : public MessageSink, public OpenStream {
 public:
  static constexpr size_t kMaxQueued = 256;

  explicit StreamPort(StreamDriver* driver) : driver_(driver) {}

  void Send(v1::SidecarMessage message) override;
  void End() override;
  void Close(const std::string& why) override;
  void Finish(const grpc::Status& status) override;

  // Starts the next read unless the stream is ending.
  void Read();
  void OnWriteDone(bool ok);
  // The stream broke: nothing more is queued.
  void Break(const grpc::Status& status);
  // The reactor is about to go away.
  void Detach();

 private:
  void Enqueue(v1::SidecarMessage message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  StreamDriver* driver_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::SidecarMessage> queue_ ABSL_GUARDED_BY(mutex_);  // Front is being written.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar
