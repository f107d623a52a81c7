#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "worker/config/train_config.h"
#include "worker/dist/process_group.h"
#include "worker/launch/rank_environment.h"

namespace sluice::train {

// Joins the other ranks of the run, as torchrun's variables describe them.
absl::StatusOr<dist::Group> JoinRanks(const config::TrainConfig& config,
                                      const launch::RankEnvironment& env, bool cuda);

// Rank 0's text on every rank; at most 256 bytes, none of them zero. A collective.
absl::StatusOr<std::string> ShareText(dist::Group& group, const std::string& text);

// INVALID_ARGUMENT that names a rank with other options: not only those of the fingerprint count,
// for how often ranks evaluate and save decides collectives too. A collective.
absl::Status CheckSameConfiguration(dist::Group& group, const std::string& config_toml);

}  // namespace sluice::train
