#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/config/train_config.h"
#include "worker/data/dataset.h"
#include "worker/legacy/legacy_set.h"

namespace sluice::train {

// The run's images, opened and cut as configured.
struct Datasets {
  std::shared_ptr<const data::Dataset> train;
  std::shared_ptr<const data::Dataset> eval;
  // Of earlier domains, fitted to the classes and images of the others.
  std::vector<legacy::LegacySet> probes;
  std::vector<legacy::LegacySet> buffers;
};

// Opens both splits. `channels` and `size` are the model's input, to which image folders are
// resized; IDX images must have that size already (INVALID_ARGUMENT with both). `label_map`: class
// names of an earlier run, in label order; empty takes the training split's.
absl::StatusOr<Datasets> OpenDatasets(const config::DataConfig& config, int64_t channels,
                                      int64_t size, const std::vector<std::string>& label_map);

// Adds what legacy.folder holds. INVALID_ARGUMENT if a set does not fit, or if the options ask for
// probes or rehearsal and there is none.
absl::Status AddLegacy(const config::LegacyConfig& config, Datasets& datasets);

}  // namespace sluice::train
