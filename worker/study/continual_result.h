#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/study/continual_metrics.h"

namespace sluice::study {

// What a strategy came to with one seed.
struct StrategyRun {
  std::string name;
  int64_t seed = 0;
  AccuracyMatrix matrix;
  double seconds = 0.0;  // Training steps and probes of all domains behind the first.
  double flops = 0.0;    // Counted arithmetic of the same steps, without adapters and probes.

  bool operator==(const StrategyRun&) const = default;
};

std::string StrategyRunsToJson(const std::vector<StrategyRun>& runs);
// INVALID_ARGUMENT if `json` is not such a list.
absl::StatusOr<std::vector<StrategyRun>> StrategyRunsFromJson(const std::string& json);

// A mean and a standard deviation over seeds; the deviation is 0 of a single value.
struct Spread {
  double mean = 0.0;
  double deviation = 0.0;
};
Spread SpreadOf(const std::vector<double>& values);

// A strategy over all seeds.
struct StrategyRow {
  std::string name;
  int64_t seeds = 0;
  Spread retention, average_accuracy, forgetting, backward_transfer, diagonal, seconds, flops;
  Spread seconds_over_sft;                  // Paired by seed; 0 without sft.
  std::vector<std::vector<double>> matrix;  // Mean over seeds.
};
// In order of first appearance.
std::vector<StrategyRow> MakeStrategyRows(const std::vector<StrategyRun>& runs);

// {"domains", "strategies":[{"name", "seeds", "retention", "average_accuracy", "forgetting",
// "backward_transfer", "diagonal", "seconds", "flops", "seconds_over_sft" (each {"mean",
// "deviation"}), "matrix"}]}.
std::string ContinualToJson(const std::vector<std::string>& domains,
                            const std::vector<StrategyRow>& rows);
// A table, a row per strategy; shares in percent, mean and standard deviation.
std::string ContinualToMarkdown(const std::vector<StrategyRow>& rows);

}  // namespace sluice::study
