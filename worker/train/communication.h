#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/snapshot.h"

namespace sluice::train {

// What one rank's steps spent on gradients; medians over steps. Units as in StepTiming.
struct Communication {
  double own_seconds = 0.0;
  double backward_seconds = 0.0;
  double communication_seconds = 0.0;
  double exposed_seconds = 0.0;
  // Share of the communication that lay behind the backward, over the steps that sent anything.
  double hidden = 0.0;
  double bytes = 0.0;  // Per step.

  bool operator==(const Communication&) const = default;
};

Communication Summarise(const std::vector<StepTiming>& steps);

// One line for people.
std::string Describe(const Communication& communication);

}  // namespace sluice::train
