#include "sidecar/bench/load_stream.h"

#include <grpcpp/grpcpp.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/security/credentials.h"
#include "sluice/v1/telemetry.grpc.pb.h"

namespace sluice::sidecar {
namespace {

// Of a sidecar that is as busy as it can be.
constexpr security::Pings kPings{std::chrono::seconds(60), std::chrono::seconds(60)};
constexpr int kMostBytes = 8 << 20;

// A bidirectional call that writes what Fill gives and hands on what it reads.
template <typename Up, typename Down>
class LoadCall : public LoadStream, protected grpc::ClientBidiReactor<Up, Down> {
 public:
  explicit LoadCall(const std::string& address)
      : stub_(v1::Telemetry::NewStub(
            security::ClientAccess().OpenStreamChannel(address, kPings, kMostBytes))) {}

  void Pump() override {
    absl::MutexLock lock(&mutex_);
    PumpLocked();
  }
  void Visit(absl::FunctionRef<void(const LoadRank&)> visit) override {
    absl::MutexLock lock(&mutex_);
    for (const LoadRank& rank : ranks_) visit(rank);
  }
  void Close() override {
    context_.TryCancel();
    this->RemoveHold();
    done_.WaitForNotification();
  }

 protected:
  void Begin() {
    // Writes start outside of reactions: the hold keeps gRPC from being done before Close.
    this->AddHold();
    this->StartRead(&incoming_);
    this->StartCall();
    Pump();
  }
  // The next thing to write, or null. It stays as it is until the next call.
  virtual const Up* Fill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
  virtual void Hear(const Down& down) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;

  std::unique_ptr<v1::Telemetry::Stub> stub_;
  grpc::ClientContext context_;
  absl::Mutex mutex_;
  std::vector<LoadRank> ranks_ ABSL_GUARDED_BY(mutex_);

 private:
  void PumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || broken_) return;
    const Up* next = Fill();
    if (next == nullptr) return;
    writing_ = true;
    this->StartWrite(next);
  }
  void OnReadDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      broken_ |= !ok;
      if (ok) Hear(incoming_);
      PumpLocked();
    }
    if (ok) this->StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    broken_ |= !ok;
    PumpLocked();
  }
  void OnDone(const grpc::Status&) override { done_.Notify(); }

  Down incoming_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Notification done_;
};

class RankCall final : public LoadCall<v1::WorkerMessage, v1::SidecarMessage> {
 public:
  RankCall(const std::string& address, const std::string& run, uint32_t rank, LoadState* state)
      : LoadCall(address) {
    ranks_.emplace_back(run, rank, state);
    stub_->async()->Stream(&context_, this);
    Begin();
  }

 private:
  const v1::WorkerMessage* Fill() override { return ranks_[0].Next(); }
  void Hear(const v1::SidecarMessage& message) override { ranks_[0].Hear(message); }
};

class RelayCall final : public LoadCall<v1::RelayRequest, v1::RelayResponse> {
 public:
  RelayCall(const std::string& address, const std::string& run, uint32_t first, uint32_t count,
            LoadState* state)
      : LoadCall(address), state_(state) {
    for (uint32_t i = 0; i < count; ++i) ranks_.emplace_back(run, first + i, state);
    stub_->async()->Relay(&context_, this);
    Begin();
  }

 private:
  // One message of each rank that has one; its lane is its place, from 1.
  const v1::RelayRequest* Fill() override {
    request_.Clear();
    for (size_t i = 0; i < ranks_.size(); ++i) {
      const v1::WorkerMessage* message = ranks_[i].Next();
      if (message == nullptr) continue;
      v1::LaneRequest* lane = request_.add_lanes();
      lane->set_lane(i + 1);
      *lane->mutable_message() = *message;
    }
    return request_.lanes_size() == 0 ? nullptr : &request_;
  }
  void Hear(const v1::RelayResponse& response) override {
    for (const v1::LaneResponse& lane : response.lanes()) {
      if (lane.has_ended() || lane.lane() == 0 || lane.lane() > ranks_.size()) {
        ++state_->refused;
      } else {
        ranks_[lane.lane() - 1].Hear(lane.message());
      }
    }
  }

  LoadState* const state_;
  v1::RelayRequest request_;
};

}  // namespace

std::unique_ptr<LoadStream> OpenRank(const std::string& address, const std::string& run,
                                     uint32_t rank, LoadState* state) {
  return std::make_unique<RankCall>(address, run, rank, state);
}

std::unique_ptr<LoadStream> OpenRelay(const std::string& address, const std::string& run,
                                      uint32_t first_rank, uint32_t ranks, LoadState* state) {
  return std::make_unique<RelayCall>(address, run, first_rank, ranks, state);
}

}  // namespace sluice::sidecar
