#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/launch/sidecar_process.h"
#include "worker/study/arms.h"
#include "worker/study/comparison_config.h"
#include "worker/study/summary.h"
#include "worker/study/turns.h"

namespace sluice::study {

// One comparison: arms trained from the same weights, on the same images in the same order.
struct Trial {
  std::string domain;
  int64_t seed = 0;
  std::vector<Arm> arms;     // Dense is the first.
  std::string label;         // What progress calls it.
  std::string run;           // Names of runs begin with it.
  std::string folder;        // Of the runs, each in one of its own.
  int64_t curve_points = 0;  // Evaluations of a run on its way; they are not training seconds.
};

// Trains arms at equal measured seconds. Seconds per step are calibrated first; step counts follow
// from them, so that every run's learning rate is fully decayed at its end; a comparison whose
// seconds miss is run again with corrected counts. Runs are processes that take turns and stream to
// one sidecar. More than `together` of them go in groups: each group trains dense along, always
// with the same steps, and the others get the seconds that dense took beside them.
// Use from the process's main thread only, for ChildProcess's sake.
class Comparison {
 public:
  // The configuration must be resolved (ResolveRuns).
  explicit Comparison(ComparisonConfig config) : config_(std::move(config)) {}

  // A sidecar without state; one that ran before is stopped.
  absl::Status StartSidecar();
  // Takes `init`, or the pretrained model of an earlier call in this folder, or trains it.
  absl::Status Pretrain();
  // Seconds per step of `arms`, over a part of the seconds of a run. Needs a sidecar and a model,
  // as does the next.
  absl::Status Calibrate(const std::vector<Arm>& arms, const std::string& domain);
  // The runs in the order of the arms.
  absl::StatusOr<std::vector<ComparedRun>> Compare(const Trial& trial);

  launch::SidecarProcess& sidecar() { return *sidecar_; }

 private:
  using Reports = std::vector<train::TrainReport>;
  // Steps of dense that are given; nothing: what the seconds allow.
  using DenseSteps = std::optional<int64_t>;

  std::string Path(const std::string& name) const;
  void Guess(const std::vector<Arm>& arms);
  int64_t StepsFor(const Arm& arm, double seconds) const;
  std::vector<int64_t> Plan(const std::vector<Arm>& arms, DenseSteps dense_steps) const;
  TrainOptions ArmOptions(const Arm& arm, const std::string& domain, int64_t seed, int64_t steps,
                          const std::string& run) const;
  std::vector<TurnRun> RunsOf(const Trial& trial, const std::vector<Arm>& arms,
                              const std::vector<int64_t>& steps, const std::string& suffix) const;
  absl::StatusOr<Reports> Measure(const std::vector<TurnRun>& runs, const std::vector<Arm>& arms,
                                  const std::string& what);
  absl::StatusOr<Reports> CompareGroup(const Trial& trial, size_t group,
                                       const std::vector<Arm>& arms, DenseSteps dense_steps);

  ComparisonConfig config_;
  std::optional<launch::SidecarProcess> sidecar_;
  std::string pretrained_;
  double dense_step_seconds_ = 1.0;           // As last measured, or guessed.
  std::map<std::string, double> over_dense_;  // Cost of an arm's step over a dense one.
};

// `arms` in groups of at most `together` (at least 2) and much the same size, each with the first
// arm in front.
std::vector<std::vector<Arm>> Groups(const std::vector<Arm>& arms, int64_t together);

// The largest difference of a run's seconds to the mean of all, as a part of that; seconds count as
// many as a run with all of them would have had.
double Miss(const std::vector<train::TrainReport>& reports, const std::vector<Arm>& arms);

// `name` with - for what does not belong into a file's name.
std::string FileName(const std::string& name);

}  // namespace sluice::study
