#include "sidecar/policy/change_limit.h"

#include <algorithm>

namespace sluice::sidecar {

Limited LimitChange(double threshold, double previous, double max_change) {
  const double limited = std::clamp(threshold, previous - max_change, previous + max_change);
  return {limited, limited != threshold};
}

}  // namespace sluice::sidecar
