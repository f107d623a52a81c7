#pragma once

#include "worker/config/train_config.h"
#include "worker/launch/rank_environment.h"

namespace sluice::train {

// Fixed threads, products by one library and deterministic operators for this process: the ground
// on which a resumed run is exact. The configuration must be valid. Without train.threads the
// processors are shared out over the ranks of this machine.
void SetUpLibTorch(const config::TrainConfig& config, const launch::RankEnvironment& env);

}  // namespace sluice::train
