#pragma once

namespace sluice::sidecar {

// What the change limit made of a threshold.
struct Limited {
  double threshold = 0.0;
  bool acted = false;
};

// Moves at most `max_change` away from `previous`, the policy's part of the last directive. Pure.
Limited LimitChange(double threshold, double previous, double max_change);

}  // namespace sluice::sidecar
