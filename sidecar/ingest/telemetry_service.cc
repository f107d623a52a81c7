#include "sidecar/ingest/telemetry_service.h"

#include <grpcpp/alarm.h>

#include <atomic>
#include <string>
#include <utility>

#include "common/log.h"
#include "common/security/credentials.h"
#include "common/security/loopback.h"
#include "sidecar/ingest/command_of.h"

namespace sluice::sidecar {

using security::Denial;

// Lives from the call's start to OnDone, and deletes itself there.
class TelemetryService::Reactor final
    : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>,
      public StreamDriver {
 public:
  Reactor(TelemetryService* service, absl::StatusOr<security::Caller> caller, std::string host)
      : service_(service),
        caller_(std::move(caller)),
        host_(std::move(host)),
        port_(std::make_shared<StreamPort>(this)),
        turns_(limits().messages_per_second, 2 * limits().messages_per_second) {
    const grpc::Status refused = Begin();
    if (refused.ok()) {
      port_->Read();
    } else {
      port_->Finish(refused);
    }
  }

  void DriveWrite(const v1::SidecarMessage* message) override { StartWrite(message); }
  void DriveRead() override { StartRead(&incoming_); }
  void DriveFinish(const grpc::Status& status) override {
    grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>::Finish(status);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return service_->taker_->Closed(port_);
    if (!service_->list_.reading()) return;
    const v1::Identity& identity = incoming_.identity();
    if (!caller_->MaySpeakFor(identity.run(), identity.rank())) return EndAsStranger(identity);
    *said_something_ = true;
    const absl::Status turn = turns_.Take(std::chrono::steady_clock::now())
                                  ? absl::OkStatus()
                                  : OverRate(limits().messages_per_second);
    if (service_->taker_->Take(port_, incoming_, turn)) port_->Read();
  }

  void OnWriteDone(bool ok) override { port_->OnWriteDone(ok); }
  void OnCancel() override {
    port_->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the stream was cancelled"));
  }
  void OnDone() override {
    port_->Detach();
    if (registered_) service_->list_.Remove(port_, host_);
    service_->taker_->Closed(port_);
    delete this;
  }

 private:
  const StreamLimits& limits() const { return service_->list_.limits(); }

  grpc::Status Begin() {
    if (!caller_.ok()) return security::ToGrpc(caller_.status());
    const grpc::Status status = service_->list_.Add(port_, host_);
    registered_ = status.ok();
    if (!registered_) return status;
    patience_.Set(
        std::chrono::system_clock::now() + limits().hello,
        [port = port_, said = said_something_, tally = &service_->guard_->tally()](bool due) {
          if (!due || *said) return;
          tally->Count(Denial::kSilent);
          port->Finish({grpc::StatusCode::DEADLINE_EXCEEDED, "no Hello came in time"});
        });
    return status;
  }

  void EndAsStranger(const v1::Identity& identity) {
    service_->guard_->tally().Count(Denial::kPermission);
    const std::string why = caller_->MayNotSpeakFor(identity.run(), identity.rank());
    spdlog::warn("stream from {} refused: {}", host_, why);
    port_->Finish(grpc::Status(grpc::StatusCode::PERMISSION_DENIED, why));
  }

  TelemetryService* service_;
  const absl::StatusOr<security::Caller> caller_;
  const std::string host_;
  std::shared_ptr<StreamPort> port_;
  security::TokenBucket turns_;
  bool registered_ = false;
  std::shared_ptr<std::atomic<bool>> said_something_ = std::make_shared<std::atomic<bool>>(false);
  grpc::Alarm patience_;  // With a stream that says nothing.
  v1::WorkerMessage incoming_;
};

// Ends at once.
class TelemetryService::NoRelays final
    : public grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse> {
 public:
  NoRelays() {
    Finish({grpc::StatusCode::UNIMPLEMENTED, "this is a relay itself: it takes ranks alone"});
  }
  void OnDone() override { delete this; }
};

TelemetryService::TelemetryService(CommandQueue* queue, security::Guard* guard,
                                   const StreamLimits& limits)
    : guard_(guard),
      list_(limits, &guard->tally()),
      own_taker_(std::make_unique<QueueTaker>(queue)),
      taker_(own_taker_.get()),
      relays_(std::make_unique<RelayStreams>(queue, guard, &list_)) {}

TelemetryService::TelemetryService(StreamTaker* taker, security::Guard* guard,
                                   const StreamLimits& limits)
    : guard_(guard), list_(limits, &guard->tally()), taker_(taker) {}

grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* TelemetryService::Stream(
    grpc::CallbackServerContext* context) {
  const security::CallFacts facts = security::FactsOf(*context);
  return new Reactor(this,
                     guard_->Admit(facts, security::kStream, "", std::chrono::steady_clock::now()),
                     security::PeerHost(facts.peer));
}

grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>* TelemetryService::Relay(
    grpc::CallbackServerContext* context) {
  if (relays_ == nullptr) return new NoRelays;
  return relays_->Start(*context);
}

}  // namespace sluice::sidecar
