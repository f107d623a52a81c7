#include "sidecar/ingest/stream_port.h"

#include <algorithm>
#include <utility>

namespace sluice::sidecar {

void StreamPort::Send(v1::SidecarMessage message) {
  absl::MutexLock lock(&mutex_);
  if (!IsOpen()) return;
  if (message.has_ack() || message.has_directive()) {
    const auto waiting = std::find_if(queue_.begin(), queue_.end(), [&message](const auto& other) {
      return other.body_case() == message.body_case();
    });
    if (waiting != queue_.end()) {
      *waiting = std::move(message);
      return;
    }
  }
  if (queue_.size() >= kMaxQueued) return CutOff();
  queue_.push_back(std::move(message));
  Pump();
}

void StreamPort::End() { Finish(grpc::Status::OK); }

void StreamPort::Close(const std::string& why) {
  Finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, why));
}

bool StreamPort::TakeNext(v1::SidecarMessage& message) {
  if (queue_.empty()) return false;
  message = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void StreamPort::Drop() { queue_.clear(); }

}  // namespace sluice::sidecar
