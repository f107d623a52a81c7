#include "sidecar/bench/load_stream.h"

namespace sluice::sidecar {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

LoadStream::LoadStream(const std::string& address, const std::string& run, uint32_t rank,
                       LoadState* state)
    : stub_(v1::Telemetry::NewStub(Connect(address))), rank_(run, rank, state) {
  stub_->async()->Stream(&context_, this);
  // Writes start outside of reactions: the hold keeps gRPC from being done before Close.
  AddHold();
  StartRead(&incoming_);
  StartCall();
  Pump();
}

void LoadStream::Pump() {
  absl::MutexLock lock(&mutex_);
  PumpLocked();
}

uint64_t LoadStream::Acked() {
  absl::MutexLock lock(&mutex_);
  return rank_.acked();
}

void LoadStream::AddSent(Counters& counters) {
  absl::MutexLock lock(&mutex_);
  Add(LoadCounters(rank_.sent()), counters);
}

void LoadStream::Close() {
  context_.TryCancel();
  RemoveHold();
  done_.WaitForNotification();
}

void LoadStream::PumpLocked() {
  if (writing_ || broken_) return;
  const v1::WorkerMessage* next = rank_.Next();
  if (next == nullptr) return;
  writing_ = true;
  StartWrite(next);
}

void LoadStream::OnReadDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    broken_ |= !ok;
    if (ok) rank_.Hear(incoming_);
    PumpLocked();
  }
  if (ok) StartRead(&incoming_);
}

void LoadStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  broken_ |= !ok;
  PumpLocked();
}

void LoadStream::OnDone(const grpc::Status&) { done_.Notify(); }

}  // namespace sluice::sidecar
