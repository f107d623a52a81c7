// How a relay sends what waits, and minds its upstream.
#include <algorithm>
#include <utility>

#include "common/log.h"
#include "sidecar/ingest/relay_lanes.h"
#include "sidecar/relay/relay.h"

namespace sluice::sidecar {
namespace {

// A request takes all that waits, up to this and to what the upstream takes.
constexpr size_t kRequestBytes = 256 * 1024;
// A round of the loop without anything to do.
constexpr std::chrono::seconds kIdle{1};

}  // namespace

bool Relay::IsTimeToSend(Clock::time_point now) {
  if (!connected_ || writing_ || ended_.has_value()) return false;
  bool any = false;
  for (const auto& [number, lane] : lanes_) {
    if (lane.queue.urgent() || !lane.HasRoom() || (lane.closing && !lane.ended)) return true;
    any |= !lane.queue.empty();
  }
  if (!any) waits_since_.reset();  // What waited has gone with its lane.
  return waits_since_.has_value() && now >= *waits_since_ + options_.hold;
}

v1::RelayRequest Relay::Collect() {
  v1::RelayRequest request;
  const size_t most = std::min(kRequestBytes, options_.message_bytes);
  size_t bytes = 0;
  // A message larger than what a request is to have goes alone.
  const auto has_room = [&](size_t more) {
    return request.lanes_size() < RelayLanes::kMostEntries && (bytes == 0 || bytes + more <= most);
  };
  waits_since_.reset();
  for (auto& [number, lane] : lanes_) {
    while (!lane.queue.empty() && has_room(lane.queue.front_bytes())) {
      bytes += lane.queue.front_bytes();
      v1::LaneRequest* entry = request.add_lanes();
      *entry = lane.queue.Pop();
      entry->set_lane(number);
      lane.begun = true;
      ++stats_.forwarded;
    }
    // What is left goes with the next request.
    if (!lane.queue.empty()) waits_since_ = Clock::now() - options_.hold;
    if (lane.closing && !lane.ended && lane.queue.empty() && has_room(LaneQueue::kMostFraming)) {
      bytes += LaneQueue::kMostFraming;
      v1::LaneRequest* entry = request.add_lanes();
      entry->set_lane(number);
      entry->set_ended(true);
      lane.ended = true;
    }
  }
  return request;
}

void Relay::ReadOn(Clock::time_point now) {
  for (auto& [number, lane] : lanes_) {
    if (!lane.waits || !lane.HasRoom() || now < lane.resume) continue;
    lane.waits = false;
    lane.port->Read();
  }
}

Relay::Clock::time_point Relay::NextLook() const {
  Clock::time_point next = Clock::now() + kIdle;
  if (waits_since_.has_value() && connected_ && !writing_) {
    next = std::min(next, *waits_since_ + options_.hold);
  }
  if (owes_since_.has_value()) next = std::min(next, *owes_since_ + options_.stall);
  if (upstream_ == nullptr) next = std::min(next, next_attempt_);
  for (const auto& [number, lane] : lanes_) {
    if (lane.waits && lane.HasRoom()) next = std::min(next, lane.resume);
  }
  return next;
}

// The streams that the upstream knew of end with it: their ranks come again and resend.
void Relay::DropUpstream(const grpc::Status& why) {
  upstream_->Close();  // Without the lock, which events take.
  upstream_.reset();
  if (logged_ != why.error_code()) {
    // A sidecar of a version without relays says nothing more than this code.
    const bool unknown = why.error_code() == grpc::StatusCode::UNIMPLEMENTED;
    const std::string text = unknown && why.error_message().empty()
                                 ? "it does not know what a relay is"
                                 : why.error_message();
    spdlog::warn(
        "no stream to the upstream sidecar at {}: {} (status code {}); ranks keep what is theirs, "
        "and it is tried again",
        options_.upstream, text, static_cast<int>(why.error_code()));
  }
  logged_ = why.error_code();
  const std::lock_guard lock(mutex_);
  if (connected_) {
    ++stats_.reconnects;
    pause_ = options_.first_pause;
  }
  connected_ = writing_ = false;
  ended_.reset();
  owes_since_.reset();
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    if (!lane->second.begun) {
      ++lane;
      continue;
    }
    lane->second.port->Finish({grpc::StatusCode::UNAVAILABLE, "the upstream sidecar is away"});
    lane = Forget(lane);
  }
  const auto half = pause_.count() / 2;
  next_attempt_ = Clock::now() + std::chrono::milliseconds(std::uniform_int_distribution<int64_t>(
                                     half, 2 * half)(random_));
  pause_ = std::min(2 * pause_, options_.longest_pause);
}

void Relay::Mend(const std::optional<grpc::Status>& ended) {
  if (ended.has_value() && upstream_ != nullptr) DropUpstream(*ended);
  if (upstream_ == nullptr && Clock::now() >= next_attempt_) {
    upstream_ = Upstream::Open(options_.upstream, options_.access, this);
  }
}

void Relay::Loop() {
  bool was_connected = false;
  while (true) {
    heartbeat_ = Clock::now();
    std::optional<grpc::Status> ended;
    bool connected = false;
    {
      std::unique_lock lock(mutex_);
      // By the steady clock: the wall clock may be set.
      ready_.wait_until(lock, NextLook(), [this] { return woken_; });
      woken_ = false;
      if (stopping_) break;
      const Clock::time_point now = Clock::now();
      if (IsTimeToSend(now)) {
        writing_ = true;
        if (!owes_since_.has_value()) owes_since_ = now;
        upstream_->Write(Collect());
      }
      ReadOn(now);
      connected = connected_;
      ended = ended_;
      if (owes_since_.has_value() && now >= *owes_since_ + options_.stall) {
        ended =
            grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "it has owed an answer for too long");
      }
    }
    if (connected && !was_connected) {
      spdlog::info("connected to the upstream sidecar at {}", options_.upstream);
      logged_.reset();
    }
    Mend(ended);
    was_connected = connected && !ended.has_value();
  }
  if (upstream_ != nullptr) upstream_->Close();
}

}  // namespace sluice::sidecar
