#include "sidecar/ingest/stream_port.h"

#include <utility>

namespace sluice::sidecar {

void StreamPort::Send(v1::SidecarMessage message) {
  absl::MutexLock lock(&mutex_);
  Enqueue(std::move(message));
}

void StreamPort::End() { Finish(grpc::Status::OK); }

void StreamPort::Close(const std::string& why) {
  Finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, why));
}

void StreamPort::Finish(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (ending_) return;
  ending_ = true;
  end_status_ = status;
  Pump();
}

void StreamPort::Read() {
  absl::MutexLock lock(&mutex_);
  if (driver_ != nullptr && !ending_) driver_->DriveRead();
}

void StreamPort::Enqueue(v1::SidecarMessage message) {
  if (driver_ == nullptr || ending_) return;
  // The front may be under way; what waits behind it may still be replaced.
  for (size_t i = writing_ ? 1 : 0; i < queue_.size(); ++i) {
    if (queue_[i].body_case() != message.body_case()) continue;
    if (message.has_ack() || message.has_directive()) {
      queue_[i] = std::move(message);
      return;
    }
  }
  if (queue_.size() >= kMaxQueued) {
    ending_ = true;
    end_status_ = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "reads too slowly");
    queue_.resize(writing_ ? 1 : 0);
  } else {
    queue_.push_back(std::move(message));
  }
  Pump();
}

void StreamPort::Pump() {
  if (driver_ == nullptr || writing_ || finished_) return;
  if (!queue_.empty()) {
    writing_ = true;
    driver_->DriveWrite(&queue_.front());
  } else if (ending_) {
    finished_ = true;
    driver_->DriveFinish(end_status_);
  }
}

void StreamPort::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  queue_.pop_front();
  if (!ok) {
    queue_.clear();
    ending_ = true;
  }
  Pump();
}

void StreamPort::Break(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (!ending_) {
    ending_ = true;
    end_status_ = status;
  }
  Pump();
}

void StreamPort::Detach() {
  absl::MutexLock lock(&mutex_);
  driver_ = nullptr;
  queue_.clear();
}

}  // namespace sluice::sidecar
