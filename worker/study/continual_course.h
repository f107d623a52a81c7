#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/study/continual_result.h"
#include "worker/study/continual_strategies.h"
#include "worker/train/report.h"

namespace sluice::study {

// A strategy on its way through the domains with one seed.
struct Course {
  Strategy strategy;
  std::string folder;                  // Of its runs.
  std::string memory;                  // Its legacy.folder.
  std::string checkpoint;              // Where it goes on.
  std::vector<std::string> experts{};  // Checkpoints, one per domain, if it has such.
  StrategyRun run{};

  bool remembers() const {
    return strategy.buffer_images + strategy.probe_images + strategy.fisher_images > 0;
  }
};

// Keeps what the strategy needs of the domain that its checkpoint has learnt, by `sluice-worker
// register`. `probe_data`: options that say of which images the probe is. ABORTED with the log's
// name if that fails.
absl::Status Remember(const Course& course, const std::string& domain, int64_t seed,
                      const TrainOptions& probe_data);

// Accuracy on each of `domains` with the course's experts, by `sluice-worker eval`.
absl::StatusOr<std::vector<train::DomainAccuracy>> Route(const Course& course,
                                                         const std::vector<std::string>& domains);

}  // namespace sluice::study
