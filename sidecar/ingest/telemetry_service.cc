#include "sidecar/ingest/telemetry_service.h"

#include <grpcpp/alarm.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "common/security/credentials.h"
#include "common/security/loopback.h"
#include "sidecar/wire/message.h"

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
        turns_(service->limits_.messages_per_second, 2 * service->limits_.messages_per_second) {
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
    if (!ok) {
      // The rank may still wait for its last acknowledgement: the writer ends the stream after it.
      service_->queue_->PushAlways(StreamClosed{port_});
      return;
    }
    if (!service_->reading()) return;
    const v1::Identity& identity = incoming_.identity();
    if (!caller_->MaySpeakFor(identity.run(), identity.rank())) return EndAsStranger(identity);
    *said_something_ = true;
    if (service_->queue_->Push(Next(), [port = port_] { port->Read(); })) port_->Read();
  }

  void OnWriteDone(bool ok) override { port_->OnWriteDone(ok); }
  void OnCancel() override {
    port_->Break(grpc::Status(grpc::StatusCode::CANCELLED, "the stream was cancelled"));
  }
  void OnDone() override {
    port_->Detach();
    if (registered_) service_->Unregister(port_, host_);
    service_->queue_->PushAlways(StreamClosed{port_});
    delete this;
  }

 private:
  grpc::Status Begin() {
    if (!caller_.ok()) return security::ToGrpc(caller_.status());
    const grpc::Status status = service_->Register(port_, host_);
    registered_ = status.ok();
    if (!registered_) return status;
    patience_.Set(
        std::chrono::system_clock::now() + service_->limits_.hello,
        [port = port_, said = said_something_, tally = &service_->guard_->tally()](bool due) {
          if (!due || *said) return;
          tally->Count(Denial::kSilent);
          port->Finish({grpc::StatusCode::DEADLINE_EXCEEDED, "no Hello came in time"});
        });
    return status;
  }

  // The message that was read, as what the writer thread is to do.
  Command Next() {
    absl::StatusOr<Message> message = MessageFromProto(incoming_);
    if (message.ok() && !turns_.Take(std::chrono::steady_clock::now())) {
      message = Refuse(RefusalReason::kLimit,
                       absl::StrCat("more than ", service_->limits_.messages_per_second,
                                    " messages in a second"));
    }
    if (message.ok()) return StreamMessage{port_, *std::move(message)};
    // A seq that is itself out of range numbers nothing.
    const uint64_t seq = incoming_.identity().seq();
    return RejectedMessage{port_, seq <= kMaxSeq ? seq : 0, message.status()};
  }

  void EndAsStranger(const v1::Identity& identity) {
    service_->guard_->tally().Count(Denial::kPermission);
    const std::string why = absl::StrCat(caller_->name, " may not speak for run '",
                                         absl::CEscape(identity.run()), "' rank ", identity.rank());
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

grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* TelemetryService::Stream(
    grpc::CallbackServerContext* context) {
  const security::CallFacts facts = security::FactsOf(*context);
  return new Reactor(this,
                     guard_->Admit(facts, security::kStream, "", std::chrono::steady_clock::now()),
                     security::PeerHost(facts.peer));
}

grpc::Status TelemetryService::Register(const std::shared_ptr<StreamPort>& port,
                                        const std::string& host) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"};
  const auto here = hosts_.find(host);
  const bool full = ports_.size() >= limits_.streams;
  if (full || (here != hosts_.end() && here->second >= limits_.streams_per_peer)) {
    guard_->tally().Count(Denial::kStreams);
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            absl::StrCat("there are ", full ? ports_.size() : here->second, " streams already",
                         full ? "" : absl::StrCat(" from ", host))};
  }
  ports_.insert(port);
  ++hosts_[host];
  return grpc::Status::OK;
}

void TelemetryService::Unregister(const std::shared_ptr<StreamPort>& port,
                                  const std::string& host) {
  absl::MutexLock lock(&mutex_);
  ports_.erase(port);
  if (--hosts_[host] == 0) hosts_.erase(host);
}

bool TelemetryService::reading() const {
  absl::MutexLock lock(&mutex_);
  return !stopping_;
}

void TelemetryService::StopReading() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void TelemetryService::FinishStreams(std::chrono::steady_clock::time_point deadline) {
  std::vector<std::shared_ptr<StreamPort>> ports;
  {
    absl::MutexLock lock(&mutex_);
    ports.assign(ports_.begin(), ports_.end());
  }
  for (const auto& port : ports) {
    port->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"));
  }
  const auto none_left = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ports_.empty(); };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&none_left),
                          absl::FromChrono(deadline - std::chrono::steady_clock::now()));
}

}  // namespace sluice::sidecar
