#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/train/report.h"

namespace sluice::study {

// One run of a comparison.
struct ComparedRun {
  std::string name;  // Of the arm.
  int64_t seed = 0;
  train::TrainReport report;
  double lr = 0.0;             // Peak learning rate.
  double dense_seconds = 0.0;  // What dense took in the same turns.
};

// Mean and its standard error; the error is 0 for fewer than two values.
struct MeanError {
  double mean = 0.0;
  double error = 0.0;
};
MeanError Summarise(const std::vector<double>& values);

// Differences of `name` to `baseline` over the seeds that both have: `gated` takes the run's gated
// accuracy, always against the baseline's dense accuracy. In percentage points.
std::vector<double> PairedDifferences(const std::vector<ComparedRun>& runs, const std::string& name,
                                      const std::string& baseline, bool gated);

// {"runs":[{"name","seed","accuracy_dense","accuracy_gated","images","seconds","activation_rate","steps",
// "directive_version","directives_applied","curve"}…], "budget_seconds"}.
std::string ComparisonToJson(const std::vector<ComparedRun>& runs, double budget_seconds);

// The list of runs as above, each with "lr" and "dense_seconds" too.
std::string StudyRunsToJson(const std::vector<ComparedRun>& runs);

// A Markdown table, one row per arm in order of appearance: means over seeds with standard errors,
// and the paired difference to `baseline`. A cell is "-" where no run measured the value.
std::string ComparisonTable(const std::vector<ComparedRun>& runs, const std::string& baseline);

}  // namespace sluice::study
