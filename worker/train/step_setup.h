#pragma once

#include <cstdint>
#include <memory>

#include "worker/config/train_config.h"
#include "worker/data/loader.h"
#include "worker/dist/process_group.h"
#include "worker/train/datasets.h"
#include "worker/train/train_step.h"

namespace sluice::train {

// This rank's share of the training images, from the batch of the step after `steps_done` on.
std::unique_ptr<data::Loader> MakeTrainLoader(const config::TrainConfig& config,
                                              const Datasets& datasets, const dist::Group& group,
                                              uint64_t steps_done);

// What the configuration says about a step of a run of `ranks` ranks.
StepOptions MakeStepOptions(const config::TrainConfig& config, int ranks);

}  // namespace sluice::train
