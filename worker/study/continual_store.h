#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/study/continual_course.h"
#include "worker/study/continual_result.h"

namespace sluice::study {

// What a benchmark of forgetting leaves in its folder on the way, so that one that was interrupted
// goes on: seedN.json once a seed is finished, seedN.partial.json after each of its domains. Files
// of another `identity`, which says all that shapes the runs, are passed over.
class ContinualStore {
 public:
  ContinualStore(std::string folder, std::string identity)
      : folder_(std::move(folder)), identity_(std::move(identity)) {}

  // Removes all that was stored.
  void Clear() const;

  // The runs of a finished seed; empty: it is not finished.
  std::vector<StrategyRun> Finished(int64_t seed) const;
  absl::Status StoreFinished(int64_t seed, const std::vector<StrategyRun>& runs) const;

  // Gives `courses`, which are at their start, the state that was stored last for them, and returns
  // behind how many domains that was; 0, and unchanged, if there is none whose checkpoints are all
  // there.
  size_t GoOn(int64_t seed, std::vector<Course>& courses) const;
  absl::Status StorePartial(int64_t seed, const std::vector<Course>& courses) const;

 private:
  std::string Path(int64_t seed, const char* suffix) const;

  std::string folder_;
  std::string identity_;
};

}  // namespace sluice::study
