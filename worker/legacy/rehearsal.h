#pragma once

#include <cstdint>
#include <vector>

#include "worker/data/loader.h"
#include "worker/data/pipeline.h"
#include "worker/legacy/legacy_set.h"

namespace sluice::legacy {

// How many positions of a global batch of `batch` are rehearsed: share * batch, to the nearest.
int64_t Rehearsed(double share, int64_t batch);
// Whether position `position` of the global batch is one of these `rehearsed`: they are spread
// evenly, so that ranks share them out.
bool IsRehearsed(int64_t position, int64_t rehearsed, int64_t batch);

// What of a rank's batch was replaced.
struct Replayed {
  std::vector<int64_t> positions;  // In the rank's batch, rising.
  std::vector<float> logits;       // [positions, K], as stored; NaN for classes without one.
};

// Mixes legacy images into batches. Draws depend on seed, micro-step and position in the global
// batch only: the same on any number of ranks and after a resume. Immutable.
class Rehearsal {
 public:
  struct Options {
    data::PipelineConfig pipeline;  // Its domain is not applied: the images are of theirs already.
    uint64_t seed = 0;
    int64_t batch = 0;  // Of all ranks.
    int rank = 0;
    int ranks = 1;
  };
  // `sets` are valid and fit the model.
  Rehearsal(std::vector<LegacySet> sets, const Options& options);

  bool empty() const { return sets_.empty(); }
  // Puts legacy images in the place of a share in [0, 1) of micro-step `draw`'s batch; every domain
  // comes as often as any other. Nothing changes if there is no set.
  Replayed Mix(double share, uint64_t draw, data::Batch& batch) const;

 private:
  std::vector<LegacySet> sets_;
  Options options_;
};

}  // namespace sluice::legacy
