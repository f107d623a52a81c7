#include "sidecar/ingest/telemetry_service.h"

#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "sidecar/wire/message.h"

namespace sluice::sidecar {

// Lives from the call's start to OnDone, and deletes itself there.
class TelemetryService::Reactor final
    : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>,
      public StreamDriver {
 public:
  explicit Reactor(TelemetryService* service)
      : service_(service), port_(std::make_shared<StreamPort>(this)) {
    if (service_->Register(port_)) {
      port_->Read();
    } else {
      port_->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the sidecar is shutting down"));
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
    absl::StatusOr<Message> message = MessageFromProto(incoming_);
    Command command;
    if (message.ok()) {
      command = StreamMessage{port_, *std::move(message)};
    } else {
      // A seq that is itself out of range numbers nothing.
      const uint64_t seq = incoming_.identity().seq();
      command = RejectedMessage{port_, seq <= kMaxSeq ? seq : 0, message.status()};
    }
    if (service_->queue_->Push(std::move(command), [port = port_] { port->Read(); })) {
      port_->Read();
    }
  }

  void OnWriteDone(bool ok) override { port_->OnWriteDone(ok); }
  void OnCancel() override {
    port_->Break(grpc::Status(grpc::StatusCode::CANCELLED, "the stream was cancelled"));
  }
  void OnDone() override {
    port_->Detach();
    service_->Unregister(port_);
    service_->queue_->PushAlways(StreamClosed{port_});
    delete this;
  }

 private:
  TelemetryService* service_;
  std::shared_ptr<StreamPort> port_;
  v1::WorkerMessage incoming_;
};

grpc::ServerBidiReactor<v1::WorkerMessage, v1::SidecarMessage>* TelemetryService::Stream(
    grpc::CallbackServerContext*) {
  return new Reactor(this);
}

bool TelemetryService::Register(const std::shared_ptr<StreamPort>& port) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  ports_.insert(port);
  return true;
}

void TelemetryService::Unregister(const std::shared_ptr<StreamPort>& port) {
  absl::MutexLock lock(&mutex_);
  ports_.erase(port);
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
