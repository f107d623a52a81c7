#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint.h"

namespace sluice::checkpoint {

// A checkpoint that has been found whole.
struct OpenCheckpoint {
  std::string path;
  tensors::SafetensorsFile file;
  TrainState state;
};

// The newest whole checkpoint of `folder`. One that is torn or damaged is passed over for the one
// before, with a warning that names it and says why. Nothing if there is none at all; DATA_LOSS if
// none is whole; another error of the newest whole file, or of reading, as it is.
absl::StatusOr<std::optional<OpenCheckpoint>> LoadNewest(const std::string& folder);

// Which checkpoints stay. A step that is in none of these goes.
struct Retention {
  int64_t last = 3;                         // So many newest ones,
  int64_t best = 0;                         // so many of the greatest accuracy (of two, the newer),
  uint64_t healthy_step = 0;                // that of this step; 0: none,
  uint64_t awaited_step = 0;                // and that which may turn out to be healthy; 0: none.
  std::map<uint64_t, double> accuracies{};  // Of those that were evaluated, by step.
};

// Of `steps`, by rising step, those that go.
std::vector<uint64_t> StepsToRemove(const std::vector<uint64_t>& steps, const Retention& keep);

// Removes those of `folder` that do not stay.
absl::Status PruneCheckpoints(const std::string& folder, const Retention& keep);

// Tidies up before a run goes on after `step`: checkpoints behind it, which LoadNewest passed over,
// get the suffix .corrupt and count no more; files of writers that did not come to their end go.
// For one rank, while nothing is being saved.
absl::Status SetAsideBehind(const std::string& folder, uint64_t step);

}  // namespace sluice::checkpoint
