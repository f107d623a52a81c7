#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace sluice::data {

// A half-open range of positions.
struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const IndexRange&) const = default;
};

// 0 to size - 1 in the order of one epoch: a Fisher-Yates shuffle whose draws depend on (seed,
// epoch) only.
std::vector<int64_t> EpochPermutation(uint64_t seed, int64_t size, int64_t epoch);

// Steps of one epoch. The last partial batch is dropped; a dataset smaller than a batch has one
// step.
int64_t StepsPerEpoch(int64_t dataset_size, int64_t global_batch);

// The global batch of `step` (counted over all epochs), global_batch indices. A dataset smaller
// than a batch is gone through again until the batch is full.
std::vector<int64_t> IndicesForStep(uint64_t seed, int64_t dataset_size, int64_t global_batch,
                                    int64_t step);

// The part of `count` positions that belongs to rank `rank` of `ranks`: [count * rank / ranks,
// count * (rank + 1) / ranks). The parts of all ranks in order are the whole. Also the shard of an
// evaluation, with `count` the size of the dataset: every image is on exactly one rank.
IndexRange RankShare(int64_t count, int rank, int ranks);

// Batches of at most `batch` that an evaluation of `shard` needs.
int64_t EvaluationSteps(const IndexRange& shard, int64_t batch);
// The indices of batch `step` of an evaluation, in order; the last one may be shorter.
std::vector<int64_t> EvaluationIndices(const IndexRange& shard, int64_t batch, int64_t step);

// IndicesForStep that keeps the last epoch's permutation. Thread-safe.
class Sampler {
 public:
  // `dataset_size` and `global_batch` are at least 1.
  Sampler(uint64_t seed, int64_t dataset_size, int64_t global_batch);

  int64_t steps_per_epoch() const { return StepsPerEpoch(dataset_size_, global_batch_); }
  int64_t EpochOf(int64_t step) const { return step / steps_per_epoch(); }
  std::vector<int64_t> GlobalBatch(int64_t step) const;
  // The share of rank `rank` of `ranks` in the global batch.
  std::vector<int64_t> RankBatch(int64_t step, int rank, int ranks) const;

 private:
  std::shared_ptr<const std::vector<int64_t>> Permutation(int64_t epoch) const;

  const uint64_t seed_;
  const int64_t dataset_size_;
  const int64_t global_batch_;
  mutable std::mutex mutex_;  // Guards the two below; held while a permutation is made.
  mutable int64_t epoch_ = -1;
  mutable std::shared_ptr<const std::vector<int64_t>> permutation_;
};

}  // namespace sluice::data
