#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/study/comparison.h"
#include "worker/study/study_config.h"

namespace sluice::study {

// Compares every arm of `plan` in every domain with every seed, at equal measured seconds, and
// writes study.json, study.md and study.svg into the output folder, anew after each comparison.
// Before that, arms are tuned if the plan has several learning rates: each takes the one of the
// highest accuracy (evaluated densely, mean over domains) on a seed that is not reported. Finished
// comparisons are kept in the folder `comparisons` of the output, and taken from there by the next
// call unless `runs.fresh` is set: a study that was interrupted goes on. Prints what it is going to
// do, how long that may take, and how it goes. Use from the process's main thread only.
absl::Status RunStudy(const StudyPlan& plan);

// The same with `compare` in place of training.
using CompareTrial = std::function<absl::StatusOr<std::vector<ComparedRun>>(const Trial&)>;
absl::Status RunStudyWith(const StudyPlan& plan, const CompareTrial& compare);

}  // namespace sluice::study
