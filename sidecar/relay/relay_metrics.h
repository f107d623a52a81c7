#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sidecar/relay/relay.h"

namespace sluice::sidecar {

// A relay's metrics. `rejected`: streams that were refused, by reason.
std::vector<prometheus::MetricFamily> RelayMetrics(const RelayStats& stats,
                                                   const std::map<std::string, uint64_t>& rejected);

}  // namespace sluice::sidecar
