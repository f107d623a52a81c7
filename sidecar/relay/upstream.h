#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/security/credentials.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {

// Who is told what happens on an Upstream; called on gRPC's threads, by one at a time, and never
// after Upstream::Close. Must not block.
class UpstreamEvents {
 public:
  virtual ~UpstreamEvents() = default;
  virtual void OnConnected() = 0;
  virtual void OnResponse(const v1::RelayResponse& response) = 0;
  virtual void OnWritten() = 0;
  // The stream has ended, with this; nothing more will come.
  virtual void OnEnded(const grpc::Status& status) = 0;
};

// One attempt at Telemetry.Relay, over a channel of its own so that a dead connection is not met
// again. Lives until it is closed and gRPC is done with it, whoever forgets it. Write and Close
// from one thread.
class Upstream final : private grpc::ClientBidiReactor<v1::RelayRequest, v1::RelayResponse> {
 public:
  // Starts connecting to HOST:PORT; never waits.
  static std::shared_ptr<Upstream> Open(const std::string& address,
                                        const security::ClientAccess& access,
                                        UpstreamEvents* events);

  // One at a time: after OnConnected, and again after OnWritten. Does nothing once it has ended.
  void Write(v1::RelayRequest request);
  // Cancels. Once it returns no event comes any more.
  void Close();

 private:
  explicit Upstream(UpstreamEvents* events) : events_(events) {}
  void Begin(const std::string& address, const security::ClientAccess& access);
  // Calls `tell` unless the stream is closed.
  template <typename Tell>
  void Notify(Tell tell);
  // Lets gRPC come to its end: no write begins any more.
  void LetGo();

  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
  v1::RelayRequest outgoing_;
  v1::RelayResponse incoming_;
  absl::Mutex hold_mutex_;  // Taken by itself alone, for a few instructions.
  bool held_ ABSL_GUARDED_BY(hold_mutex_) = true;
  absl::Mutex mutex_;  // Held while an event is told, so that Close waits for it.
  UpstreamEvents* events_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Upstream> self_;
};

}  // namespace sluice::sidecar
