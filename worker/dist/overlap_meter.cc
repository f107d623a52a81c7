#include "worker/dist/overlap_meter.h"

#include <utility>

namespace sluice::dist {
namespace {

double Seconds(OverlapMeter::Time from, OverlapMeter::Time to) {
  return to > from ? std::chrono::duration<double>(to - from).count() : 0.0;
}

}  // namespace

void OverlapMeter::Start(Time now) {
  const absl::MutexLock lock(&mutex_);
  ++backward_;
  in_flight_ = 0;
  since_last_left_ = 0.0;
  start_ = last_event_ = now;
}

void OverlapMeter::Advance(Time now) {
  if (in_flight_ > 0) {
    const double seconds = Seconds(last_event_, now);
    traffic_.communication_seconds += seconds;
    since_last_left_ += seconds;
  }
  if (now > last_event_) last_event_ = now;
}

uint64_t OverlapMeter::Leave(Time now, uint64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  Advance(now);
  ++in_flight_;
  since_last_left_ = 0.0;
  traffic_.bytes += bytes;
  return backward_;
}

void OverlapMeter::Arrive(uint64_t ticket, Time now) {
  const absl::MutexLock lock(&mutex_);
  if (ticket != backward_ || in_flight_ == 0) return;
  Advance(now);
  --in_flight_;
}

void OverlapMeter::End(Time now) {
  const absl::MutexLock lock(&mutex_);
  Advance(now);
  in_flight_ = 0;
  traffic_.backward_seconds += Seconds(start_, now);
  traffic_.exposed_seconds += since_last_left_;
}

Traffic OverlapMeter::Take() {
  const absl::MutexLock lock(&mutex_);
  return std::exchange(traffic_, {});
}

}  // namespace sluice::dist
