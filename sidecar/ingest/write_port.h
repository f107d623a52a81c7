#pragma once

#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sidecar/ingest/stream_list.h"

namespace sluice::sidecar {

// What a port needs of its gRPC reactor.
template <typename Response>
class PortDriver {
 public:
  virtual ~PortDriver() = default;
  virtual void DriveWrite(const Response* response) = 0;
  virtual void DriveRead() = 0;
  virtual void DriveFinish(const grpc::Status& status) = 0;
};

// The way of other threads to a stream, which they may outlive: lets one write, one read and one
// finish run at a time, the finish behind what waits. What waits is kept by the class that derives
// from it. Thread-safe: the driver is only called under the lock and never after Detach.
template <typename Response>
class WritePort : public OpenStream {
 public:
  explicit WritePort(PortDriver<Response>* driver) : driver_(driver) {}

  // Nothing more is queued. Also for a stream that broke.
  void Finish(const grpc::Status& status) final {
    absl::MutexLock lock(&mutex_);
    EndWith(status);
  }
  // Starts the next read unless the stream is ending.
  void Read() {
    absl::MutexLock lock(&mutex_);
    if (IsOpen()) driver_->DriveRead();
  }
  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) {
      Drop();
      ending_ = true;
    }
    Pump();
  }
  // The reactor is about to go away.
  void Detach() {
    absl::MutexLock lock(&mutex_);
    driver_ = nullptr;
    Drop();
  }

 protected:
  // Moves what goes with the next write into `response`; false if nothing waits.
  virtual bool TakeNext(Response& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
  // Forgets what waits.
  virtual void Drop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;

  // Something may still be queued.
  bool IsOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return driver_ != nullptr && !ending_;
  }
  void EndWith(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_) return;
    ending_ = true;
    end_status_ = status;
    Pump();
  }
  // More waits than is kept for a client that does not read.
  void CutOff() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Drop();
    EndWith({grpc::StatusCode::RESOURCE_EXHAUSTED, "reads too slowly"});
  }
  // Starts what may be started.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (driver_ == nullptr || writing_ || finished_) return;
    if (TakeNext(sending_)) {
      writing_ = true;
      driver_->DriveWrite(&sending_);
    } else if (ending_) {
      finished_ = true;
      driver_->DriveFinish(end_status_);
    }
  }

  absl::Mutex mutex_;

 private:
  PortDriver<Response>* driver_ ABSL_GUARDED_BY(mutex_);
  Response sending_ ABSL_GUARDED_BY(mutex_);  // Under way while writing_.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar
