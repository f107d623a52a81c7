#include "sidecar/relay/lane_queue.h"

#include <algorithm>
#include <utility>

#include "sidecar/wire/message.h"

namespace sluice::sidecar {
namespace {

bool SameSender(const v1::Identity& a, const v1::Identity& b) {
  return a.run() == b.run() && a.lease_epoch() == b.lease_epoch() &&
         a.generation() == b.generation() && a.rank() == b.rank() &&
         a.incarnation() == b.incarnation();
}

// `next` takes over what `last` stood for.
void Absorb(const v1::LaneRequest& last, v1::LaneRequest& next) {
  const v1::WorkerMessage& from = last.message();
  next.set_first_seq(last.first_seq() == 0 ? from.identity().seq() : last.first_seq());
  v1::GateSnapshot* to = next.mutable_message()->mutable_snapshot();
  to->set_first_step(std::min(from.snapshot().first_step(), to->first_step()));
  to->set_coalesced(from.snapshot().coalesced() + to->coalesced() + 1);
}

}  // namespace

bool LaneQueue::IsUrgent(const v1::WorkerMessage& message) const {
  return !message.has_snapshot() || window_ == 0 || message.snapshot().last_step() % window_ == 0;
}

bool LaneQueue::MayMerge(const Waiting& last, const v1::WorkerMessage& next,
                         bool next_is_good) const {
  const v1::WorkerMessage& before = last.request.message();
  return last.good && next_is_good && next.has_snapshot() && !IsUrgent(before) &&
         SameSender(before.identity(), next.identity()) &&
         before.identity().seq() + 1 == next.identity().seq() &&
         before.snapshot().last_step() < next.snapshot().last_step();
}

void LaneQueue::Add(v1::WorkerMessage message) {
  Waiting next;
  next.good = message.has_snapshot() && MessageFromProto(message).ok();
  const bool merges = !waiting_.empty() && MayMerge(waiting_.back(), message, next.good);
  *next.request.mutable_message() = std::move(message);
  if (merges) {
    Absorb(waiting_.back().request, next.request);
    bytes_ -= waiting_.back().bytes;
    waiting_.pop_back();
    ++merged_;
  }
  next.bytes = next.request.ByteSizeLong();
  bytes_ += next.bytes;
  urgent_ += IsUrgent(next.request.message()) ? 1 : 0;
  waiting_.push_back(std::move(next));
}

v1::LaneRequest LaneQueue::Pop() {
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= first.bytes;
  urgent_ -= IsUrgent(first.request.message()) ? 1 : 0;
  return std::move(first.request);
}

}  // namespace sluice::sidecar
