#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sidecar/engine/down_sample.h"
#include "sidecar/engine/records.h"
#include "sidecar/engine/windows.h"
#include "sidecar/policy/compose.h"
#include "sidecar/policy/dormancy.h"

namespace sluice::sidecar {

enum class ThresholdPolicy { kAuto, kEma, kTargetRate };

// Options of the policies, the same for all runs.
struct PolicyOptions {
  ThresholdPolicy policy = ThresholdPolicy::kAuto;
  uint64_t window = 10;      // Steps per window.
  double alpha = 0.05;       // Weight of a new window in the averages.
  double target_rate = 0.5;  // For `target_rate` at a layer whose Hello names none.
  ComposeLimits limits;
  BreakerOptions breaker;
  AlertLimits alerts;
  DormancyOptions dormancy;
  HistoryOptions history;
};

// What a window led to.
struct SteeringResult {
  std::optional<Directive> directive;  // Already in force in the record.
  std::vector<DecisionRecord> decisions;
  std::string reason;
};

// Makes `run.steering` fit `run.gates`: a layer that stays keeps its averages.
void ReconcileSteering(RunRecord& run);

// Feeds one window to the averages of every layer and decides. A directive is made only if some
// threshold changes by more than 1e-4. At layers whose gate policy is not `threshold` nothing is
// decided: their lever is the rate.
SteeringResult Steer(const ClosedWindow& window, const PolicyOptions& options, RunRecord& run);

// A person's threshold: a new directive that the policies go on from. NOT_FOUND for a layer that
// the run lacks, FAILED_PRECONDITION where the threshold is not the lever.
absl::StatusOr<Directive> SetThreshold(uint32_t layer, double threshold, const std::string& reason,
                                       const PolicyOptions& options, RunRecord& run);

// Takes over a directive that a worker has in force, if its version is above all of ours.
// True if it was taken.
bool AdoptDirective(const Directive& directive, const PolicyOptions& options, RunRecord& run);

// Puts what `run.breaker` stands at into force, as a new directive at once. `decision` says what it
// asks for and why.
Directive ApplyBreaker(const BreakerDecision& decision, uint64_t step, const PolicyOptions& options,
                       RunRecord& run);

// Puts the scales of dormant groups into force; no directive if those in force are the same.
std::optional<Directive> ApplyDormancy(const DormancyDecision& decision, uint64_t step,
                                       RunRecord& run);

// Threshold and target rate in force at gate `index`: the directive's, or the Hello's before any.
LayerDirective InForce(const RunRecord& run, size_t index);

}  // namespace sluice::sidecar
