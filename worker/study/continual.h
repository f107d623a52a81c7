#pragma once

#include "absl/status/status.h"
#include "worker/study/continual_config.h"

namespace sluice::study {

// Trains every strategy on the domains one after another, and measures after each of them the
// accuracy on all. For each domain the strategies take turns on the processors, so that their
// seconds can be compared. Writes continual.json, continual.md and continual.svg into the output
// folder, anew after each seed. What an earlier call with the same options has finished is taken
// from the folder: whole seeds, and of the next one the domains behind which it got. Use from the
// process's main thread only.
absl::Status RunContinual(ContinualConfig config);

}  // namespace sluice::study
