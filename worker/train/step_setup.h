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

// How what is rehearsed enters the loss.
ReplayWeights MakeReplay(const config::LegacyConfig& config);

// This rank's share of what is rehearsed from `buffers`; null without any.
std::shared_ptr<const legacy::Rehearsal> MakeRehearsal(
    const config::TrainConfig& config, const std::vector<legacy::LegacySet>& buffers,
    const dist::Group& group);

}  // namespace sluice::train
