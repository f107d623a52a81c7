#pragma once

#include <cstdint>

namespace sluice::train {

// Which checkpoint is the newest healthy one where checks of probes come back later than the steps
// that they are of: one that was saved with a closed breaker, and whose values, or later ones, were
// found calm afterwards. Steps; 0 is none. A plain value.
class HealthyCheckpoint {
 public:
  explicit HealthyCheckpoint(uint64_t healthy) : healthy_(healthy) {}

  // The checkpoint of `step` is durable; the breaker was closed when it was saved.
  void OnCheckpoint(uint64_t step, bool closed);
  // The values of `step` are to be checked. One at a time.
  void OnSnapshot(uint64_t step);
  // What the check of `step` came to: calm if no probe is worse.
  void OnFinding(uint64_t step, bool calm);
  // The check does not come back.
  void OnLost();

  uint64_t healthy() const { return healthy_; }
  // Which the check under way may make healthy: it must stay until then.
  uint64_t awaited() const { return awaited_; }

 private:
  uint64_t healthy_;
  uint64_t newest_ = 0;   // Durable, with a closed breaker, and so was none after it.
  uint64_t asked_ = 0;    // Of the check under way.
  uint64_t awaited_ = 0;  // The newest such checkpoint up to it.
  uint64_t calm_ = 0;     // Of the last check, if it was calm.
};

}  // namespace sluice::train
