#include "worker/data/epoch_sampler.h"

#include "common/status.h"
#include "worker/data/sampler.h"

namespace sluice::data {

int64_t StepsOf(int64_t images, int64_t global_batch, int64_t multiple) {
  const int64_t most = global_batch * multiple;
  return (images + most - 1) / most * multiple;
}

EpochSampler::EpochSampler(uint64_t seed, int64_t global_batch, int64_t multiple)
    : seed_(seed), global_batch_(global_batch), multiple_(multiple) {
  SLUICE_CHECK(global_batch >= 1 && multiple >= 1);
}

void EpochSampler::Begin(const Epoch& epoch) {
  SLUICE_CHECK(epoch.images >= 1);
  auto permutation = std::make_shared<const std::vector<int64_t>>(
      EpochPermutation(seed_, epoch.images, epoch.number));
  const std::lock_guard<std::mutex> lock(mutex_);
  epoch_ = epoch;
  permutation_ = std::move(permutation);
}

int64_t EpochSampler::end() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return epoch_.first + StepsOf(epoch_.images, global_batch_, multiple_);
}

BatchPlan EpochSampler::Plan(int64_t step, int rank, int ranks) const {
  std::shared_ptr<const std::vector<int64_t>> permutation;
  Epoch epoch;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    permutation = permutation_;
    epoch = epoch_;
  }
  const int64_t steps = StepsOf(epoch.images, global_batch_, multiple_);
  const int64_t position = step - epoch.first;
  SLUICE_CHECK(permutation != nullptr && position >= 0 && position < steps);
  // Steps share an epoch as ranks share a batch.
  const IndexRange batch =
      RankShare(epoch.images, static_cast<int>(position), static_cast<int>(steps));
  const IndexRange mine = RankShare(batch.size(), rank, ranks);
  const auto begin = permutation->begin() + batch.begin;
  return {epoch.number, {begin + mine.begin, begin + mine.end}, batch.size()};
}

}  // namespace sluice::data
