#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "worker/data/loader.h"

namespace sluice::data {

// One pass over the images that there are when it begins.
struct Epoch {
  int64_t number = 0;  // From 0.
  int64_t first = 0;   // Its first step, counted over all epochs from 0.
  int64_t images = 0;  // At least 1. Indices are 0 to images - 1.

  bool operator==(const Epoch&) const = default;
};

// Steps of an epoch: as few as take `images` in batches of at most `global_batch`, in a whole
// number of times `multiple`.
int64_t StepsOf(int64_t images, int64_t global_batch, int64_t multiple);

// Samples epochs that differ in size: each image exactly once per epoch, and no batch is much
// smaller than the others: the permutation of (seed, epoch) in StepsOf parts that differ by one
// image at most, each shared out over the ranks. Thread-safe.
class EpochSampler {
 public:
  // All at least 1.
  EpochSampler(uint64_t seed, int64_t global_batch, int64_t multiple);

  // `epoch` is the one that is sampled from now on.
  void Begin(const Epoch& epoch);
  // The step after the last of the epoch.
  int64_t end() const;
  // What rank `rank` of `ranks` takes in `step`, which is of the epoch.
  BatchPlan Plan(int64_t step, int rank, int ranks) const;

 private:
  const uint64_t seed_;
  const int64_t global_batch_;
  const int64_t multiple_;
  mutable std::mutex mutex_;  // Guards the two below.
  Epoch epoch_;
  std::shared_ptr<const std::vector<int64_t>> permutation_;
};

}  // namespace sluice::data
