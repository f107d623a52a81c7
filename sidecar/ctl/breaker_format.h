#pragma once

#include <string>

#include "sluice/v1/runs.pb.h"

namespace sluice::ctl {

// Where the forgetting breaker of a run stands, and its probes; for people.
std::string BreakerText(const v1::RunState& state);
// Parts of it: what an action means, and a row for each probe.
std::string ActionText(v1::BreakerAction action);
std::string ProbeTable(const v1::RunState& state);

}  // namespace sluice::ctl
