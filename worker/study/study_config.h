#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/study/comparison_config.h"
#include "worker/study/study_arms.h"

namespace sluice::study {

// What `sluice-worker study` is told. What is empty or 0 is chosen by ResolveStudy.
struct StudyConfig : ComparisonConfig {
  StudyConfig() {
    command = "study";
    output = "build/study";
    eval_images = 0;
  }

  // Lists of names with commas, as on the command line.
  std::string scorers;
  std::string policies;
  std::string schedules;
  std::string mode = "compact";
  std::string half;  // `none`: no arm at half of the seconds.
  std::string domains;
  int64_t seeds = 0;
  double anneal = 0.2;  // See StudyGrid.
  double grow = 0.25;
  std::vector<double> lrs;  // One for all arms, or those that `tune` tries.
  bool tune = false;        // Each arm takes the best of `lrs` on a seed of its own.
  bool quick = false;       // Defaults for about ten minutes on two cores.
};

// A study that can be run: no value is open.
struct StudyPlan {
  ComparisonConfig runs;
  StudyGrid grid;
  std::vector<StudyArm> arms;
  std::vector<std::string> domains;
  int64_t seeds = 1;
  std::vector<double> lrs;  // One, or those that are tried on kTuningSeed, rising.

  bool tuned() const { return lrs.size() > 1; }
};

// Not among the seeds that are reported, of which there are fewer.
inline constexpr int64_t kTuningSeed = 1000;

// INVALID_ARGUMENT with key, value and what is expected. `domain_names`: the domains there are.
absl::StatusOr<StudyPlan> ResolveStudy(const StudyConfig& config,
                                       const std::vector<std::string>& domain_names);

// Seconds that `comparisons` comparisons of the plan take, and what comes before the first of them.
// A guess from before anything is measured.
double GuessedSeconds(const StudyPlan& plan, int64_t comparisons);

}  // namespace sluice::study
