#include "sidecar/relay/upstream.h"

#include <chrono>
#include <utility>

namespace sluice::sidecar {
namespace {

// What a sidecar sends in one response is less than this, whatever its lanes are.
constexpr int kMaxResponseBytes = 8 << 20;
constexpr security::Pings kPings{std::chrono::seconds(20), std::chrono::seconds(10)};

}  // namespace

std::shared_ptr<Upstream> Upstream::Open(const std::string& address,
                                         const security::ClientAccess& access,
                                         UpstreamEvents* events) {
  std::shared_ptr<Upstream> upstream(new Upstream(events));
  upstream->self_ = upstream;
  upstream->Begin(address, access);
  return upstream;
}

void Upstream::Begin(const std::string& address, const security::ClientAccess& access) {
  stub_ = v1::Telemetry::NewStub(access.OpenStreamChannel(address, kPings, kMaxResponseBytes));
  access.Authorize(&context_);
  stub_->async()->Relay(&context_, this);
  // Writes start outside of reactions: the hold keeps gRPC from being done before LetGo.
  AddHold();
  StartRead(&incoming_);
  StartCall();
}

void Upstream::Write(v1::RelayRequest request) {
  absl::MutexLock lock(&hold_mutex_);
  if (!held_) return;
  outgoing_ = std::move(request);
  StartWrite(&outgoing_);
}

void Upstream::LetGo() {
  {
    absl::MutexLock lock(&hold_mutex_);
    if (!held_) return;
    held_ = false;
  }
  RemoveHold();
}

void Upstream::Close() {
  {
    absl::MutexLock lock(&mutex_);
    if (events_ == nullptr) return;
    events_ = nullptr;
  }
  context_.TryCancel();
  LetGo();
}

template <typename Tell>
void Upstream::Notify(Tell tell) {
  absl::MutexLock lock(&mutex_);
  if (events_ != nullptr) tell(events_);
}

void Upstream::OnReadInitialMetadataDone(bool ok) {
  if (ok) Notify([](UpstreamEvents* events) { events->OnConnected(); });
}

void Upstream::OnReadDone(bool ok) {
  if (!ok) return LetGo();
  Notify([this](UpstreamEvents* events) { events->OnResponse(incoming_); });
  incoming_.Clear();
  StartRead(&incoming_);
}

// Where a write fails the read ends, too.
void Upstream::OnWriteDone(bool ok) {
  if (ok) Notify([](UpstreamEvents* events) { events->OnWritten(); });
}

void Upstream::OnDone(const grpc::Status& status) {
  Notify([&status](UpstreamEvents* events) { events->OnEnded(status); });
  const auto self = std::move(self_);
}

}  // namespace sluice::sidecar
