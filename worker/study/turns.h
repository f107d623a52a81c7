#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/study/train_run.h"
#include "worker/train/report.h"

namespace sluice::study {

// One of several training runs that are compared.
struct TurnRun {
  std::string name;
  std::string folder;  // Emptied first. What the run says goes to `name`.log beside it.
  TrainOptions options;
  double share = 1.0;  // Of a slice that it gets each time.
};

struct TurnOptions {
  // How long a run of share 1 has the processors before the next one gets them.
  std::chrono::milliseconds slice{2000};
  // Called now and then with the steps that each run has finished; may be empty.
  std::function<void(const std::vector<int64_t>& steps)> progress;
};

// Runs all of `runs`, one at a time and in turns: each is a process that is paused between two of
// its steps (service Worker, by `sluicectl worker`) while another one trains. A machine whose speed
// changes from minute to minute so changes it for all of them, and their seconds can be compared.
// The reports, in the order of `runs`. ABORTED with the end of its log if a run fails; the others
// are ended then.
absl::StatusOr<std::vector<train::TrainReport>> RunInTurns(const std::vector<TurnRun>& runs,
                                                           const TurnOptions& options);

}  // namespace sluice::study
