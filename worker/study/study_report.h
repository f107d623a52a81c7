#pragma once

#include <string>
#include <vector>

#include "worker/study/study_config.h"
#include "worker/study/study_rows.h"

namespace sluice::study {

// What a study has found so far.
struct StudyResult {
  std::vector<StudyArm> arms;  // With the learning rates taken.
  std::vector<DomainRuns> domains;
};

// {"options", "domains":[{"name", "runs":[…]}], "rows":[{"arm", "domain", "control",
// "accuracy_dense", "accuracy_gated", "difference_to_dense", "gated_difference_to_dense",
// "difference_to_random", "gated_difference_to_random", "standard_error":{the same names},
// "pairs":{likewise}, "seconds", "seconds_over_dense", "steps", "activation_rate", "lr"}],
// "verdicts":[text]}. In percent and percentage points; null where nothing was measured, and a
// standard error from fewer than two values. The domain `mean` is all of them together.
std::string StudyToJson(const StudyPlan& plan, const StudyResult& result);

// The same as Markdown: verdicts, accuracy by arm and domain, paired differences to dense and to
// random, and what the runs were like.
std::string StudyToMarkdown(const StudyPlan& plan, const StudyResult& result);

// Writes study.json, study.md and study.svg into the output folder.
absl::Status WriteStudy(const StudyPlan& plan, const StudyResult& result);

}  // namespace sluice::study
