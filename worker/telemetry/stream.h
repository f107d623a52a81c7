#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/security/credentials.h"
#include "sluice/v1/telemetry.grpc.pb.h"
#include "worker/telemetry/wakeup.h"

namespace sluice::telemetry {

// One attempt at Telemetry.Stream, by gRPC's callback API: one read and one write in flight, each
// over a channel of its own so that a dead connection is not met again. gRPC's threads only note
// what happened and signal the owner, who calls everything public from one thread.
class Stream : private grpc::ClientBidiReactor<v1::WorkerMessage, v1::SidecarMessage> {
 public:
  // Starts connecting to "HOST:PORT"; never waits. The stream keeps itself alive until gRPC is done
  // with it.
  static std::shared_ptr<Stream> Open(const std::string& address, std::shared_ptr<Wakeup> wakeup,
                                      const security::ClientAccess& access = {});

  // True if a message may be written now.
  bool CanWrite() const;
  // Only if CanWrite().
  void Write(v1::WorkerMessage message);
  // Says that nothing more will be written. Only if CanWrite(), once.
  void WritesDone();

  // The message that was received, if there is one; reads on behind it.
  std::optional<v1::SidecarMessage> Read();
  // True once nothing more will be received.
  bool broken() const;

  // Cancels. Afterwards only done() and status() may be called.
  void Close();
  // True once gRPC is done with the stream, soon after broken() and Close().
  bool done() const;
  // Why it ended; once done().
  grpc::Status status() const;

 private:
  explicit Stream(std::shared_ptr<Wakeup> wakeup) : wakeup_(std::move(wakeup)) {}
  void Begin(const std::string& address, const security::ClientAccess& access);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<Wakeup> wakeup_;
  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
  v1::WorkerMessage outgoing_;
  v1::SidecarMessage incoming_;

  mutable std::mutex mutex_;  // Held for a few instructions only; guards what follows.
  bool writing_ = false;
  bool write_failed_ = false;
  bool received_ = false;
  bool broken_ = false;
  bool done_ = false;
  grpc::Status status_;
  std::shared_ptr<Stream> self_;
};

}  // namespace sluice::telemetry
