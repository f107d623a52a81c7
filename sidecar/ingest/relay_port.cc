#include "sidecar/ingest/relay_port.h"

#include <utility>

namespace sluice::sidecar {

void RelayPort::Send(uint64_t lane, v1::SidecarMessage message) {
  v1::LaneResponse response;
  response.set_lane(lane);
  *response.mutable_message() = std::move(message);
  absl::MutexLock lock(&mutex_);
  Newest* newest = nullptr;
  if (response.message().has_ack()) newest = &acks_;
  if (response.message().has_directive()) newest = &directives_;
  Enqueue(std::move(response), newest);
}

void RelayPort::End(uint64_t lane, grpc::StatusCode code, const std::string& why) {
  v1::LaneResponse response;
  response.set_lane(lane);
  response.mutable_ended()->set_code(static_cast<uint32_t>(code));
  response.mutable_ended()->set_why(why);
  absl::MutexLock lock(&mutex_);
  Enqueue(std::move(response), nullptr);
}

void RelayPort::Finish(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (ending_) return;
  ending_ = true;
  end_status_ = status;
  Pump();
}

void RelayPort::Read() {
  absl::MutexLock lock(&mutex_);
  if (driver_ != nullptr && !ending_) driver_->DriveRead();
}

void RelayPort::Enqueue(v1::LaneResponse response, Newest* newest) {
  if (driver_ == nullptr || ending_) return;
  if (newest != nullptr) {
    v1::LaneResponse*& waiting = (*newest)[response.lane()];
    if (waiting != nullptr) {
      *waiting = std::move(response);
      return;
    }
    queue_.push_back(std::move(response));
    waiting = &queue_.back();
  } else {
    queue_.push_back(std::move(response));
  }
  if (queue_.size() > most_queued_) {
    ending_ = true;
    end_status_ = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "reads too slowly");
    queue_.clear();
    acks_.clear();
    directives_.clear();
  }
  Pump();
}

void RelayPort::FillBatch() {
  batch_.Clear();
  size_t bytes = 0;
  while (!queue_.empty() && bytes < kBatchBytes) {
    for (Newest* newest : {&acks_, &directives_}) {
      const auto entry = newest->find(queue_.front().lane());
      if (entry != newest->end() && entry->second == &queue_.front()) newest->erase(entry);
    }
    bytes += queue_.front().ByteSizeLong();
    *batch_.add_lanes() = std::move(queue_.front());
    queue_.pop_front();
  }
}

void RelayPort::Pump() {
  if (driver_ == nullptr || writing_ || finished_) return;
  if (!queue_.empty()) {
    writing_ = true;
    FillBatch();
    driver_->DriveWrite(&batch_);
  } else if (ending_) {
    finished_ = true;
    driver_->DriveFinish(end_status_);
  }
}

void RelayPort::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) {
    queue_.clear();
    ending_ = true;
  }
  Pump();
}

void RelayPort::Break(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (!ending_) {
    ending_ = true;
    end_status_ = status;
  }
  Pump();
}

void RelayPort::Detach() {
  absl::MutexLock lock(&mutex_);
  driver_ = nullptr;
  queue_.clear();
}

}  // namespace sluice::sidecar
