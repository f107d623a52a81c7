#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/security/guard.h"
#include "sidecar/engine/command_queue.h"
#include "sidecar/ingest/stream_port.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// What keeps streams from taking each other's places.
struct StreamLimits {
  size_t streams = 8192;                   // At a time,
  size_t streams_per_peer = 4096;          // and from one address.
  std::chrono::milliseconds hello{10000};  // A stream says Hello within this time, or ends.
  double messages_per_second = 10000;      // Of one stream; more are refused.
};

// The service Telemetry on gRPC's callback API. A reaction checks a message, hands it to the queue
// and starts the next read, or, if the queue is full, leaves that to the writer thread: no reaction
// blocks. A stream speaks for the runs and ranks that its caller may speak for, or ends.
// Thread-safe.
class TelemetryService final : public v1::Telemetry::CallbackService {
 public:
  // What is given outlives the service.
  TelemetryService(CommandQueue* queue, security::Guard* guard, const StreamLimits& limits = {})
      : queue_(queue), guard_(guard), limits_(limits) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* Stream(
      grpc::CallbackServerContext* context) override;

  // New streams are turned away from now on; those that are up read no more.
  void StopReading();
  // Ends all streams with UNAVAILABLE once their last messages are sent, and waits until they are
  // gone or the deadline has come.
  void FinishStreams(std::chrono::steady_clock::time_point deadline);

 private:
  class Reactor;

  // OK, or with what the stream ends at once.
  grpc::Status Register(const std::shared_ptr<StreamPort>& port, const std::string& host);
  void Unregister(const std::shared_ptr<StreamPort>& port, const std::string& host);
  bool reading() const;

  CommandQueue* queue_;
  security::Guard* guard_;
  const StreamLimits limits_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<StreamPort>> ports_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> hosts_ ABSL_GUARDED_BY(mutex_);  // Streams by address.
};

}  // namespace sluice::sidecar
