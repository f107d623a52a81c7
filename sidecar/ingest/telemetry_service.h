#pragma once

#include <chrono>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/ingest/stream_port.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// The service Telemetry on gRPC's callback API. A reaction checks a message, hands it to the queue
// and starts the next read, or, if the queue is full, leaves that to the writer thread: no reaction
// blocks. Thread-safe.
class TelemetryService final : public v1::Telemetry::CallbackService {
 public:
  explicit TelemetryService(CommandQueue* queue) : queue_(queue) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* Stream(
      grpc::CallbackServerContext* context) override;

  // New streams are turned away from now on; those that are up read no more.
  void StopReading();
  // Ends all streams with UNAVAILABLE once their last messages are sent, and waits until they are
  // gone or the deadline has come.
  void FinishStreams(std::chrono::steady_clock::time_point deadline);

 private:
  class Reactor;

  bool Register(const std::shared_ptr<StreamPort>& port);
  void Unregister(const std::shared_ptr<StreamPort>& port);
  bool reading() const;

  CommandQueue* queue_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<StreamPort>> ports_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::sidecar
