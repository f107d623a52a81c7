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

void RelayPort::Enqueue(v1::LaneResponse response, Newest* newest) {
  if (!IsOpen()) return;
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
  if (queue_.size() > most_queued_) return CutOff();
  Pump();
}

bool RelayPort::TakeNext(v1::RelayResponse& batch) {
  batch.Clear();
  size_t bytes = 0;
  while (!queue_.empty() && bytes < kBatchBytes) {
    for (Newest* newest : {&acks_, &directives_}) {
      const auto entry = newest->find(queue_.front().lane());
      if (entry != newest->end() && entry->second == &queue_.front()) newest->erase(entry);
    }
    bytes += queue_.front().ByteSizeLong();
    *batch.add_lanes() = std::move(queue_.front());
    queue_.pop_front();
  }
  return batch.lanes_size() > 0;
}

void RelayPort::Drop() {
  queue_.clear();
  acks_.clear();
  directives_.clear();
}

}  // namespace sluice::sidecar
