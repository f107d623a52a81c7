#include "worker/data/sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/philox.h"
#include "common/status.h"

namespace sluice::data {
namespace {

std::vector<int64_t> BatchFrom(const std::vector<int64_t>& permutation, int64_t global_batch,
                               int64_t step_in_epoch) {
  const auto size = static_cast<int64_t>(permutation.size());
  std::vector<int64_t> indices(static_cast<size_t>(global_batch));
  for (int64_t i = 0; i < global_batch; ++i) {
    const int64_t position = (step_in_epoch * global_batch + i) % size;
    indices[static_cast<size_t>(i)] = permutation[static_cast<size_t>(position)];
  }
  return indices;
}

}  // namespace

std::vector<int64_t> EpochPermutation(uint64_t seed, int64_t size, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = size - 1; i > 0; --i) {
    const double draw = UniformDraw(seed, DrawPurpose::kShuffle, static_cast<uint64_t>(epoch),
                                    static_cast<uint64_t>(i), 0);
    const int64_t j = std::min(static_cast<int64_t>(draw * static_cast<double>(i + 1)), i);
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
  }
  return order;
}

int64_t StepsPerEpoch(int64_t dataset_size, int64_t global_batch) {
  return std::max<int64_t>(1, dataset_size / global_batch);
}

std::vector<int64_t> IndicesForStep(uint64_t seed, int64_t dataset_size, int64_t global_batch,
                                    int64_t step) {
  const int64_t steps = StepsPerEpoch(dataset_size, global_batch);
  return BatchFrom(EpochPermutation(seed, dataset_size, step / steps), global_batch, step % steps);
}

IndexRange RankShare(int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

int64_t EvaluationSteps(const IndexRange& shard, int64_t batch) {
  return (shard.size() + batch - 1) / batch;
}

std::vector<int64_t> EvaluationIndices(const IndexRange& shard, int64_t batch, int64_t step) {
  const int64_t begin = std::min(shard.begin + step * batch, shard.end);
  std::vector<int64_t> indices(static_cast<size_t>(std::min(batch, shard.end - begin)));
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

Sampler::Sampler(uint64_t seed, int64_t dataset_size, int64_t global_batch)
    : seed_(seed), dataset_size_(dataset_size), global_batch_(global_batch) {
  SLUICE_CHECK(dataset_size >= 1 && global_batch >= 1);
}

std::shared_ptr<const std::vector<int64_t>> Sampler::Permutation(int64_t epoch) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (epoch_ != epoch) {
    permutation_ =
        std::make_shared<const std::vector<int64_t>>(EpochPermutation(seed_, dataset_size_, epoch));
    epoch_ = epoch;
  }
  return permutation_;
}

std::vector<int64_t> Sampler::GlobalBatch(int64_t step) const {
  return BatchFrom(*Permutation(EpochOf(step)), global_batch_, step % steps_per_epoch());
}

std::vector<int64_t> Sampler::RankBatch(int64_t step, int rank, int ranks) const {
  const std::vector<int64_t> batch = GlobalBatch(step);
  const IndexRange share = RankShare(global_batch_, rank, ranks);
  return {batch.begin() + share.begin, batch.begin() + share.end};
}

}  // namespace sluice::data
