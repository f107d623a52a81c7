#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "worker/dist/process_group.h"
#include "worker/gate/score_cache.h"
#include "worker/train/gate_chain.h"

namespace sluice::train {

struct ImageGateOptions {
  double theta = 0.0;  // Images whose score is at most this are skipped; 0: none is.
  int64_t ttl = 0;  // Epochs in which a score is believed without a look; 0: it is measured anew.

  bool caches() const { return theta > 0.0 && ttl > 0; }
};

// Which images of a batch need not be looked at, because their score of an earlier epoch was at or
// under the threshold. All ranks know the scores of all images, so that it does not matter which
// rank an image comes to. Not thread-safe.
class ImageGate {
 public:
  explicit ImageGate(const ImageGateOptions& options) : options_(options) {}

  // Positions of the images that go into the model.
  std::vector<int64_t> ToCompute(const ModelBatch& batch) const;
  // Takes note of what the first gate measured for the images of `batch`; `scores` [B] or empty.
  void Note(const ModelBatch& batch, const std::vector<float>& scores);
  // Tells all ranks what was noted since the last call, at most `most` images per rank. A
  // collective, if scores are cached at all.
  absl::Status Exchange(dist::Group& group, int64_t most);

  gate::ScoreCache& cache() { return cache_; }
  const gate::ScoreCache& cache() const { return cache_; }

 private:
  ImageGateOptions options_;
  gate::ScoreCache cache_;
  std::vector<gate::CachedScore> noted_;
};

// The images at `positions` of a batch as one of its own.
ModelBatch TakeImages(const ModelBatch& batch, const std::vector<int64_t>& positions);

// What the gates decided about the images at `positions` as a decision about a batch of `images`,
// `patches` each: all others are closed. `gates`: how many there are.
GateDecision SpreadDecision(const GateDecision& part, const std::vector<int64_t>& positions,
                            int64_t images, int64_t patches, size_t gates);

}  // namespace sluice::train
