#pragma once

#include <string>

#include "sluice/v1/runs.pb.h"

namespace sluice::ctl {

// Where the forgetting breaker of a run stands, and its probes; for people.
std::string BreakerText(const v1::RunState& state);

}  // namespace sluice::ctl
