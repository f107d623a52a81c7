#pragma once

#include <string>

#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/train/datasets.h"
#include "worker/train/optimizer.h"

namespace sluice::train {

// Writes into `state` what stays the same for the length of a run: its configuration, classes,
// normalisation, and what multiplies.
void DescribeRun(const config::TrainConfig& config, const std::string& config_toml,
                 const Datasets& datasets, checkpoint::TrainState& state);

// Writes into it how often each group was stepped.
void CountSteps(Optimizer& optimizer, checkpoint::TrainState& state);

}  // namespace sluice::train
