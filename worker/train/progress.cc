#include "worker/train/progress.h"

#include "absl/strings/str_format.h"

namespace sluice::train {

std::string ProgressLine(const ProgressSample& s, double seconds_per_step) {
  const auto left =
      static_cast<int64_t>(static_cast<double>(s.total_steps - s.step) * seconds_per_step + 0.5);
  const std::string loss = s.loss ? absl::StrFormat("%.4f", *s.loss) : "-";
  return absl::StrFormat(
      "step %d/%d  %.1f img/s  eta %d:%02d  loss %s  r %.2f  theta %.3f  lr %.1e  directive %d",
      s.step, s.total_steps, s.images_per_second, left / 60, left % 60, loss, s.activation_rate,
      s.threshold, s.learning_rate, s.directive_version);
}

bool ProgressClock::IsDue(Clock::time_point now, bool is_last) {
  if (period_.count() <= 0.0 || (now - last_ < period_ && !is_last)) return false;
  last_ = now;
  return true;
}

void StepTimer::Add(double seconds) {
  seconds_per_step_ = seconds_per_step_ == 0.0 ? seconds : 0.9 * seconds_per_step_ + 0.1 * seconds;
}

}  // namespace sluice::train
