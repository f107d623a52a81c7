#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::train {

// What a progress line says.
struct ProgressSample {
  int64_t step = 0;
  int64_t total_steps = 0;
  double images_per_second = 0.0;
  std::optional<double> loss;
  double activation_rate = 1.0;
  double threshold = 0.0;
  double learning_rate = 0.0;
  uint64_t directive_version = 0;
};

// "step 120/600  512.0 img/s  eta 0:32  loss 0.8312  r 0.26  theta 0.412  lr 3.1e-04  directive
// 12".
std::string ProgressLine(const ProgressSample& sample, double seconds_per_step);

// Says when the next line is due: at most one per period, and one at the last step. Not
// thread-safe.
class ProgressClock {
 public:
  using Clock = std::chrono::steady_clock;
  // A period of 0 means never.
  ProgressClock(double period_seconds, Clock::time_point start)
      : period_(period_seconds), last_(start) {}
  bool IsDue(Clock::time_point now, bool is_last);

 private:
  std::chrono::duration<double> period_;
  Clock::time_point last_;
};

// Exponential moving average of seconds per step, for rates and the ETA.
class StepTimer {
 public:
  void Add(double seconds);
  double seconds_per_step() const { return seconds_per_step_; }

 private:
  double seconds_per_step_ = 0.0;
};

}  // namespace sluice::train
