#include "sidecar/relay/relay.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::sidecar {
namespace {

// Of one rank, before it is read no more.
constexpr size_t kMostWaiting = 64;
constexpr size_t kMostWaitingBytes = 256 * 1024;

}  // namespace

bool Relay::Lane::HasRoom() const {
  return queue.size() < kMostWaiting && queue.bytes() < kMostWaitingBytes;
}

Relay::Relay(const RelayOptions& options)
    : options_(options), pause_(options.first_pause), random_(std::random_device{}()) {
  thread_ = std::thread([this] { Loop(); });
}

void Relay::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void Relay::Wake() {
  woken_ = true;
  ready_.notify_one();
}

RelayStats Relay::Stats() const {
  const std::lock_guard lock(mutex_);
  RelayStats stats = stats_;
  stats.connected = connected_;
  stats.ranks = lanes_.size();
  for (const auto& [number, lane] : lanes_) {
    stats.merged += lane.queue.merged();
    stats.waiting_bytes += lane.queue.bytes();
  }
  return stats;
}

std::chrono::nanoseconds Relay::SinceHeartbeat() const { return Clock::now() - heartbeat_.load(); }

Relay::Lanes::iterator Relay::Find(const StreamPort* port) {
  const auto number = lane_of_.find(port);
  return number == lane_of_.end() ? lanes_.end() : lanes_.find(number->second);
}

Relay::Lanes::iterator Relay::Forget(Lanes::iterator lane) {
  stats_.merged += lane->second.queue.merged();
  lane_of_.erase(lane->second.port.get());
  return lanes_.erase(lane);
}

bool Relay::Take(const std::shared_ptr<StreamPort>& port, v1::WorkerMessage& message,
                 const absl::Status& turn) {
  const size_t bytes = message.ByteSizeLong() + LaneQueue::kMostFraming;
  const std::lock_guard lock(mutex_);
  if (bytes > options_.message_bytes) {
    port->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                  absl::StrCat("a message of ", bytes, " bytes with its lane's number, more than ",
                               options_.message_bytes)});
    return false;
  }
  auto found = Find(port.get());
  if (found == lanes_.end()) {
    // A stream's first message. Afterwards it has a lane until it is gone, or is being ended.
    if (!message.has_hello()) {
      port->Close("the first message of a stream must be Hello");
      return false;
    }
    found = lanes_.emplace(++last_lane_, Lane{port, {}}).first;
    lane_of_[port.get()] = last_lane_;
  }
  Lane& lane = found->second;
  const Clock::time_point now = Clock::now();
  ++stats_.messages;
  lane.queue.Add(std::move(message));
  if (!waits_since_.has_value()) waits_since_ = now;
  if (!turn.ok()) lane.resume = now + options_.turn;
  lane.waits = !lane.HasRoom() || !turn.ok();
  Wake();
  return !lane.waits;
}

void Relay::Closed(const std::shared_ptr<StreamPort>& port) {
  const std::lock_guard lock(mutex_);
  const auto found = Find(port.get());
  if (found == lanes_.end()) return port->End();
  found->second.closing = true;
  Wake();
  if (found->second.begun) return;
  // What waits here of it was never sent.
  Forget(found);
  port->Finish({grpc::StatusCode::UNAVAILABLE, "the upstream sidecar is away"});
}

void Relay::OnConnected() {
  const std::lock_guard lock(mutex_);
  connected_ = true;
  Wake();
}

void Relay::OnWritten() {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  Wake();
}

void Relay::OnEnded(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  ended_ = status;
  Wake();
}

void Relay::OnResponse(const v1::RelayResponse& response) {
  const std::lock_guard lock(mutex_);
  owes_since_.reset();
  for (const v1::LaneResponse& lane : response.lanes()) Tell(lane);
}

void Relay::Tell(const v1::LaneResponse& response) {
  const auto found = lanes_.find(response.lane());
  if (found == lanes_.end()) return;
  Lane& lane = found->second;
  if (response.has_message()) {
    if (response.message().has_hello_reply()) {
      lane.queue.SetWindow(response.message().hello_reply().window_steps());
    }
    lane.port->Send(response.message());
    return;
  }
  if (response.ended().code() == 0) {
    lane.port->End();
  } else {
    lane.port->Finish(grpc::Status(static_cast<grpc::StatusCode>(response.ended().code()),
                                   response.ended().why()));
  }
  // If the upstream has ended it, it still waits to hear that the rank knows.
  if (lane.ended) Forget(found);
}

}  // namespace sluice::sidecar
