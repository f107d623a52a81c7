#include "worker/telemetry/unacked_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::telemetry {

void UnackedQueue::Add(const GateSnapshot& snapshot, uint64_t window_steps) {
  waiting_.push_back({.seq = 0, .body = snapshot});
  if (++waiting_snapshots_ > limits_.snapshots) MergeOne(window_steps);
}

void UnackedQueue::DropWaitingMap() {
  const auto old = std::find_if(waiting_.begin(), waiting_.end(), [](const Outgoing& message) {
    const auto* event = std::get_if<Event>(&message.body);
    return event != nullptr && std::holds_alternative<TokenMap>(*event);
  });
  if (old == waiting_.end()) return;
  waiting_.erase(old);
  --waiting_events_;
}

bool UnackedQueue::Add(Event event) {
  if (std::holds_alternative<TokenMap>(event)) DropWaitingMap();
  if (waiting_events_ >= limits_.events && !std::holds_alternative<RunEnded>(event)) return false;
  waiting_.push_back({.seq = 0, .body = std::move(event)});
  ++waiting_events_;
  return true;
}

void UnackedQueue::MergeOne(uint64_t window_steps) {
  auto oldest = waiting_.end();
  auto victim = waiting_.end();
  auto newest = waiting_.end();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    const auto* snapshot = std::get_if<GateSnapshot>(&it->body);
    if (snapshot == nullptr) continue;
    if (oldest == waiting_.end()) oldest = it;
    const bool ends_window = window_steps > 0 && snapshot->last_step % window_steps == 0;
    if (victim == waiting_.end() && !ends_window) victim = it;
    newest = it;
  }
  if (victim == waiting_.end() || victim == newest) victim = oldest;
  if (victim == newest) return;
  const auto next = std::find_if(std::next(victim), waiting_.end(), [](const Outgoing& message) {
    return std::holds_alternative<GateSnapshot>(message.body);
  });
  const auto& from = std::get<GateSnapshot>(victim->body);
  auto& to = std::get<GateSnapshot>(next->body);
  to.first_step = from.first_step;
  to.coalesced += from.coalesced + 1;
  waiting_.erase(victim);
  --waiting_snapshots_;
  ++coalesced_;
}

const Outgoing* UnackedQueue::Next() {
  if (written_ < sent_.size()) {
    ++sent_count_;
    return &*std::next(sent_.begin(), written_++);
  }
  if (waiting_.empty() || sent_.size() >= limits_.in_flight) return nullptr;
  sent_.splice(sent_.end(), waiting_, waiting_.begin());
  Outgoing& message = sent_.back();
  --(std::holds_alternative<GateSnapshot>(message.body) ? waiting_snapshots_ : waiting_events_);
  message.seq = ++last_seq_;
  ++written_;
  ++sent_count_;
  return &message;
}

void UnackedQueue::Forget(std::list<Outgoing>::iterator message) {
  if (std::holds_alternative<GateSnapshot>(message->body)) newest_durable_ = std::move(*message);
  sent_.erase(message);
  if (written_ > 0) --written_;
}

bool UnackedQueue::Acknowledge(uint64_t seq) {
  seq = std::min(seq, last_seq_);
  if (seq > acknowledged_) acknowledged_ = seq;
  bool progress = false;
  while (!sent_.empty() && sent_.front().seq <= seq) {
    Forget(sent_.begin());
    progress = true;
  }
  return progress;
}

bool UnackedQueue::Refuse(uint64_t seq) {
  const auto end = std::next(sent_.begin(), written_);
  const auto found =
      std::find_if(sent_.begin(), end, [&](const Outgoing& message) { return message.seq == seq; });
  if (found == end) return false;
  sent_.erase(found);
  --written_;
  return true;
}

void UnackedQueue::Rewind(uint64_t durable_seq) {
  written_ = 0;
  Acknowledge(durable_seq);
  if (durable_seq < acknowledged_ && newest_durable_.has_value() &&
      newest_durable_->seq > durable_seq) {
    sent_.push_front(*std::exchange(newest_durable_, std::nullopt));
  }
}

}  // namespace sluice::telemetry
