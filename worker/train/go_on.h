#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/config/train_config.h"
#include "worker/dist/process_group.h"
#include "worker/train/setup.h"

namespace sluice::train {

// Where a run goes on from: the newest whole checkpoint of its folder, which `assembly` gets, the
// same on every rank; without one the start, for a run that was lost before its first. The
// generation is greater than that of every start before. Rank 0 keeps it in the folder's file
// `generation` and sets damaged checkpoints aside. A collective. As Restore; DATA_LOSS if ranks
// find different checkpoints.
absl::StatusOr<checkpoint::TrainState> GoOn(const config::TrainConfig& config,
                                            const std::vector<std::string>& class_names,
                                            dist::Group& group, Assembly& assembly);

}  // namespace sluice::train
