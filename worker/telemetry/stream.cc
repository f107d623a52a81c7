#include "worker/telemetry/stream.h"

#include <utility>

namespace sluice::telemetry {
namespace {

// Pings find a dead peer on an idle stream. They must be rarer than the sidecar's minimum, or it
// ends the connection with "too_many_pings"; while something waits for an acknowledgement the
// session's watchdog is faster anyway.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kMaxMessageBytes = 1 << 20;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address,
                                           const security::ClientAccess& access) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxMessageBytes);
  return access.OpenChannel(address, arguments);
}

// Keeps the first channel of the process for good. gRPC 1.51 stops its callback threads with the
// last channel that used them, and that may happen on such a thread itself, when the stream is
// released in OnDone: it then aborts ("ref_counted.h: assertion failed: prior > 0").
void KeepCallbackThreads(const std::shared_ptr<grpc::Channel>& channel) {
  [[maybe_unused]] static const auto* const kept = new std::shared_ptr<grpc::Channel>(channel);
}

}  // namespace

std::shared_ptr<Stream> Stream::Open(const std::string& address, std::shared_ptr<Wakeup> wakeup,
                                     const security::ClientAccess& access) {
  std::shared_ptr<Stream> stream(new Stream(std::move(wakeup)));
  stream->self_ = stream;
  stream->Begin(address, access);
  return stream;
}

void Stream::Begin(const std::string& address, const security::ClientAccess& access) {
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(address, access);
  KeepCallbackThreads(channel);
  stub_ = v1::Telemetry::NewStub(channel);
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
