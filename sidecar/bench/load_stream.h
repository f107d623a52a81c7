#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "sidecar/bench/load_rank.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// The stream of one simulated rank, over a connection of its own. Thread-safe.
class LoadStream final : private grpc::ClientBidiReactor<v1::WorkerMessage, v1::SidecarMessage> {
 public:
  // Starts connecting to HOST:PORT; `state` outlives it.
  LoadStream(const std::string& address, const std::string& run, uint32_t rank, LoadState* state);

  // Writes what can be written now; to be called now and then.
  void Pump();
  // Messages that are durable.
  uint64_t Acked();
  // Adds what the rank has counted so far.
  void AddSent(Counters& counters);
  // Cancels and waits for gRPC. Nothing else may be called afterwards.
  void Close();

 private:
  void PumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
  v1::SidecarMessage incoming_;
  absl::Notification done_;
  absl::Mutex mutex_;
  LoadRank rank_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::sidecar
