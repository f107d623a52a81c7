#include "worker/train/healthy_checkpoint.h"

namespace sluice::train {

void HealthyCheckpoint::OnCheckpoint(uint64_t step, bool closed) {
  newest_ = closed ? step : 0;
  if (!closed) return;
  if (calm_ >= step) {
    healthy_ = step;
  } else if (asked_ >= step) {
    awaited_ = step;
  }
}

void HealthyCheckpoint::OnSnapshot(uint64_t step) {
  asked_ = step;
  awaited_ = newest_ > healthy_ && newest_ <= step ? newest_ : 0;
}

void HealthyCheckpoint::OnFinding(uint64_t step, bool calm) {
  calm_ = calm ? step : 0;
  if (calm && awaited_ != 0) healthy_ = awaited_;
  OnLost();
}

void HealthyCheckpoint::OnLost() {
  asked_ = 0;
  awaited_ = 0;
}

}  // namespace sluice::train
