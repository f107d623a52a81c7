#pragma once

#include <string>

#include "absl/status/status.h"
#include "worker/config/access_config.h"
#include "worker/config/train_config.h"

namespace sluice::train {

// One rank of a training run, from joining the others to the last report. `config_toml` is the
// whole configuration as text, `config.sidecar` off, HOST:PORT or spawn (then rank 0 starts one).
// The rank is described by torchrun's variables, checked here. Returns after every thread of its
// own has ended.
absl::Status RankMain(const config::TrainConfig& config, const config::AccessConfig& access,
                      const std::string& config_toml);

}  // namespace sluice::train
