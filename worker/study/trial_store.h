#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/study/comparison.h"

namespace sluice::study {

// The comparisons that a study has finished, each as a file NAME.json {"options", "budget_seconds",
// "runs"} in a folder, so that a study which was interrupted goes on behind them. The options say
// all that shapes the runs: the arms, the data, the model, and what the environment sets.
class TrialStore {
 public:
  TrialStore(std::string folder, ComparisonConfig config)
      : folder_(std::move(folder)), config_(std::move(config)) {}

  // The runs of `trial`, if a whole file of the same options holds them. `why`: what else is the
  // matter, empty if there is no such file.
  std::optional<std::vector<ComparedRun>> Load(const std::string& name, const Trial& trial,
                                               std::string* why) const;
  // Replaces the file atomically.
  absl::Status Save(const std::string& name, const Trial& trial,
                    const std::vector<ComparedRun>& runs) const;

 private:
  std::string File(const std::string& name) const;

  std::string folder_;
  ComparisonConfig config_;
};

}  // namespace sluice::study
