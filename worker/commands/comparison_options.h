#pragma once

#include "common/options.h"
#include "worker/study/comparison_config.h"

namespace sluice::commands {

// The options that demo and study share. Values that stay 0 are chosen by ResolveRuns.
void DefineComparisonOptions(OptionSet& options, study::ComparisonConfig& config);

}  // namespace sluice::commands
