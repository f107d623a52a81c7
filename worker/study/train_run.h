#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/train/report.h"

namespace sluice::study {

// Options of `sluice-worker train` by name, without the dashes.
using TrainOptions = std::vector<std::pair<std::string, std::string>>;

// Runs `sluice-worker train` as a process of its own with `options` and returns its report.
// `folder` becomes run.folder and is emptied first. ABORTED if it fails: its own message stands on
// standard error.
absl::StatusOr<train::TrainReport> RunTrain(const std::string& folder, const TrainOptions& options);

// The report that a run wrote. INVALID_ARGUMENT that names the key.
absl::StatusOr<train::TrainReport> ParseReport(const std::string& json);

}  // namespace sluice::study
