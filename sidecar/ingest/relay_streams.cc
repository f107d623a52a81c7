#include "sidecar/ingest/relay_streams.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/security/credentials.h"
#include "common/security/loopback.h"
#include "sidecar/ingest/relay_lanes.h"

namespace sluice::sidecar {

// Lives from the call's start to OnDone, and deletes itself there.
class RelayStreams::Reactor final
    : public grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>,
      public RelayDriver {
 public:
  Reactor(RelayStreams* owner, const absl::StatusOr<security::Caller>& caller, std::string host)
      : owner_(owner),
        host_(std::move(host)),
        port_(std::make_shared<RelayPort>(this, owner->list_->limits().lanes)),
        lanes_(port_, caller.value_or(security::Caller{}), owner->list_->limits(),
               &owner->list_->tally()) {
    const grpc::Status status =
        caller.ok() ? owner_->list_->Add(port_, host_) : security::ToGrpc(caller.status());
    registered_ = status.ok();
    if (registered_) {
      // Tells the relay that it is connected: it speaks only then.
      StartSendInitialMetadata();
      port_->Read();
    } else {
      port_->Finish(status);
    }
  }

  void DriveWrite(const v1::RelayResponse* response) override { StartWrite(response); }
  void DriveRead() override { StartRead(&incoming_); }
  void DriveFinish(const grpc::Status& status) override {
    grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>::Finish(status);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      CloseLanes();
      return port_->Finish(grpc::Status::OK);
    }
    if (!owner_->list_->reading()) return;
    std::vector<Command> commands;
    const absl::Status status = lanes_.Take(incoming_, std::chrono::steady_clock::now(), commands);
    const bool taken = owner_->queue_->Push(std::move(commands), [port = port_] { port->Read(); });
    if (!status.ok()) return port_->Finish(security::ToGrpc(status));
    if (taken) port_->Read();
  }

  void OnWriteDone(bool ok) override { port_->OnWriteDone(ok); }
  void OnCancel() override {
    port_->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the stream was cancelled"));
  }
  void OnDone() override {
    port_->Detach();
    CloseLanes();
    if (registered_) owner_->list_->Remove(port_, host_);
    delete this;
  }

 private:
  void CloseLanes() {
    for (Command& command : lanes_.CloseAll()) owner_->queue_->PushAlways(std::move(command));
  }

  RelayStreams* const owner_;
  const std::string host_;
  std::shared_ptr<RelayPort> port_;
  RelayLanes lanes_;
  bool registered_ = false;
  v1::RelayRequest incoming_;
};

grpc::ServerBidiReactor<v1::RelayRequest, v1::RelayResponse>* RelayStreams::Start(
    const grpc::CallbackServerContext& context) {
  const security::CallFacts facts = security::FactsOf(context);
  return new Reactor(this,
                     guard_->Admit(facts, security::kRelay, "", std::chrono::steady_clock::now()),
                     security::PeerHost(facts.peer));
}

}  // namespace sluice::sidecar
