#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/launch/child_process.h"
#include "worker/train/report.h"

namespace sluice::study {

// Options of `sluice-worker train` by name, without the dashes.
using TrainOptions = std::vector<std::pair<std::string, std::string>>;

// The last value of each name: the command line takes each name once.
TrainOptions LastOfEach(const TrainOptions& options);

// A `sluice-worker train` that runs. The limits of ChildProcess hold.
struct TrainProcess {
  std::string folder;
  launch::ChildProcess process;
};

// Starts `sluice-worker train` with `options`. `folder` becomes run.folder and is emptied first.
// `log`: a file for its standard error; empty: it is inherited.
absl::StatusOr<TrainProcess> StartTrain(const std::string& folder, const TrainOptions& options,
                                        const std::string& log);

// Waits for its end. ABORTED if it failed: its own message stands on its standard error.
absl::StatusOr<train::TrainReport> FinishTrain(TrainProcess& run);

// Runs `sluice-worker train` as a process of its own with `options` and returns its report.
// `folder` becomes run.folder and is emptied first. ABORTED if it fails: its own message stands on
// standard error.
absl::StatusOr<train::TrainReport> RunTrain(const std::string& folder, const TrainOptions& options);

// What a run in `folder` has reported.
absl::StatusOr<train::TrainReport> ReadTrainReport(const std::string& folder);

// The report that a run wrote. INVALID_ARGUMENT that names the key.
absl::StatusOr<train::TrainReport> ParseReport(const std::string& json);

}  // namespace sluice::study
