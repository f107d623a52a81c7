#include "worker/train/communication.h"

#include "absl/strings/str_format.h"
#include "common/median.h"

namespace sluice::train {

Communication Summarise(const std::vector<StepTiming>& steps) {
  std::vector<double> own, backward, communication, exposed, hidden, bytes;
  for (const StepTiming& step : steps) {
    own.push_back(step.own_seconds);
    backward.push_back(step.backward_seconds);
    communication.push_back(step.communication_seconds);
    exposed.push_back(step.exposed_seconds);
    bytes.push_back(static_cast<double>(step.gradient_bytes));
    if (step.communication_seconds > 0.0)
      hidden.push_back(1.0 - step.exposed_seconds / step.communication_seconds);
  }
  return {Median(own),     Median(backward), Median(communication),
          Median(exposed), Median(hidden),   Median(bytes)};
}

std::string Describe(const Communication& c) {
  return absl::StrFormat(
      "a step's gradients, medians: backward %.1f ms, between ranks %.1f ms, of which %.0f %% lay "
      "behind the backward and %.1f ms did not; %.0f bytes",
      1e3 * c.backward_seconds, 1e3 * c.communication_seconds, 100.0 * c.hidden,
      1e3 * c.exposed_seconds, c.bytes);
}

}  // namespace sluice::train
