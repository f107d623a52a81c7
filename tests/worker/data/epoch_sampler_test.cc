#include "worker/data/epoch_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "worker/data/sampler.h"

namespace sluice::data {
namespace {

TEST(EpochSamplerTest, Steps) {
  EXPECT_EQ(StepsOf(1, 8, 1), 1);
  EXPECT_EQ(StepsOf(8, 8, 1), 1);
  EXPECT_EQ(StepsOf(9, 8, 1), 2);
  EXPECT_EQ(StepsOf(16, 8, 3), 3);
  EXPECT_EQ(StepsOf(25, 8, 3), 6);
}

// For many sizes: each image once, on one rank; no batch above the limit, nor much below the
// others; every share has an image.
TEST(EpochSamplerTest, EachImageExactlyOncePerEpoch) {
  for (const int ranks : {1, 2, 3}) {
    for (const int64_t multiple : {1, 2}) {
      int64_t first = 10, number = 0;
      EpochSampler sampler(5, 8, multiple);
      for (int64_t images = ranks * multiple; images < 70; images += 1 + images / 9) {
        sampler.Begin({number, first, images});
        std::vector<int64_t> taken;
        int64_t least = images, most = 0;
        for (int64_t step = first; step < sampler.end(); ++step) {
          int64_t batch = 0;
          for (int rank = 0; rank < ranks; ++rank) {
            const BatchPlan plan = sampler.Plan(step, rank, ranks);
            EXPECT_EQ(plan.epoch, number);
            EXPECT_FALSE(plan.indices.empty()) << images << " images, rank " << rank;
            taken.insert(taken.end(), plan.indices.begin(), plan.indices.end());
            batch += static_cast<int64_t>(plan.indices.size());
            if (rank + 1 == ranks) {
              EXPECT_EQ(plan.global_count, batch);
            }
          }
          least = std::min(least, batch);
          most = std::max(most, batch);
        }
        EXPECT_LE(most, 8);
        EXPECT_LE(most - least, 1) << images;
        EXPECT_EQ((sampler.end() - first) % multiple, 0);
        EXPECT_EQ(taken, EpochPermutation(5, images, number)) << "in the permutation's order";
        std::sort(taken.begin(), taken.end());
        std::vector<int64_t> all(static_cast<size_t>(images));
        std::iota(all.begin(), all.end(), 0);
        EXPECT_EQ(taken, all);
        first = sampler.end();
        ++number;
      }
    }
  }
}

TEST(EpochSamplerTest, AnEpochDependsOnNothingBeforeIt) {
  EpochSampler through(5, 8, 1), restored(5, 8, 1);
  through.Begin({0, 0, 20});
  through.Begin({1, 3, 31});
  restored.Begin({1, 3, 31});
  for (int64_t step = 3; step < through.end(); ++step)
    EXPECT_EQ(through.Plan(step, 1, 2).indices, restored.Plan(step, 1, 2).indices);
  restored.Begin({2, 7, 31});
  EXPECT_NE(through.Plan(3, 0, 1).indices, restored.Plan(7, 0, 1).indices) << "another order";
}

}  // namespace
}  // namespace sluice::data
