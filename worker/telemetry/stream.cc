#include "worker/telemetry/stream.h"

#include <chrono>
#include <utility>

namespace sluice::telemetry {
namespace {

// While something waits for an acknowledgement the session's watchdog is faster anyway.
constexpr security::Pings kPings{std::chrono::seconds(60), std::chrono::seconds(20)};
constexpr int kMaxMessageBytes = 1 << 20;

}  // namespace

std::shared_ptr<Stream> Stream::Open(const std::string& address, std::shared_ptr<Wakeup> wakeup,
                                     const security::ClientAccess& access) {
  std::shared_ptr<Stream> stream(new Stream(std::move(wakeup)));
  stream->self_ = stream;
  stream->Begin(address, access);
  return stream;
}

void Stream::Begin(const std::string& address, const security::ClientAccess& access) {
  stub_ = v1::Telemetry::NewStub(access.OpenStreamChannel(address, kPings, kMaxMessageBytes));
  access.Authorize(&context_);
  stub_->async()->Stream(&context_, this);
  // The owner starts operations from outside of reactions: the hold keeps gRPC from being done
  // before Close().
  AddHold();
  StartRead(&incoming_);
  StartCall();
}

bool Stream::CanWrite() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !writing_ && !write_failed_ && !broken_;
}

void Stream::Write(v1::WorkerMessage message) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = true;
  }
  outgoing_ = std::move(message);
  StartWrite(&outgoing_);
}

void Stream::WritesDone() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = true;
  }
  StartWritesDone();
}

std::optional<v1::SidecarMessage> Stream::Read() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!received_) return std::nullopt;
    received_ = false;
  }
  v1::SidecarMessage message = std::move(incoming_);
  incoming_.Clear();
  StartRead(&incoming_);
  return message;
}

bool Stream::broken() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return broken_;
}

void Stream::Close() {
  context_.TryCancel();
  RemoveHold();
}

bool Stream::done() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_;
}

grpc::Status Stream::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void Stream::OnReadDone(bool ok) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    (ok ? received_ : broken_) = true;
  }
  wakeup_->Signal();
}

void Stream::OnWriteDone(bool ok) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok) write_failed_ = true;
  }
  wakeup_->Signal();
}

void Stream::OnWritesDoneDone(bool) { wakeup_->Signal(); }

void Stream::OnDone(const grpc::Status& status) {
  std::shared_ptr<Stream> self;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
    status_ = status;
    self = std::move(self_);
  }
  wakeup_->Signal();
}

}  // namespace sluice::telemetry
