#include "worker/train/step_setup.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/dist/ranks.h"
#include "tests/worker/train/pattern_dataset.h"
#include "worker/data/sampler.h"

namespace sluice::train {
namespace {

config::TrainConfig SmallConfig() {
  config::TrainConfig config;
  config.train.steps = 5;
  config.train.batch = 7;
  config.train.accumulate = 2;
  config.train.seed = 3;
  return config;
}

TEST(StepSetupTest, OptionsAreThoseOfTheConfiguration) {
  config::TrainConfig config = SmallConfig();
  config.train.clip = 2.0;
  config.train.lr = 0.25;
  config.train.min_lr_ratio = 0.125;
  config.train.warmup_steps = 3;
  config.gate.head_lr = 4.0;
  config.gate.ledger_every = 9;
  config.gate.mode = "compact";
  config.gate.image_theta = 0.5;
  config.gate.score_ttl = 6;
  config.footprint.rate = 0.75;
  const StepOptions options = MakeStepOptions(config, 3);
  EXPECT_EQ(options.accumulate, 2);
  EXPECT_EQ(options.clip, 2.0);
  EXPECT_EQ(options.head_lr, 4.0);
  EXPECT_EQ(options.seed, 3u);
  EXPECT_EQ(options.ledger_every, 9);
  EXPECT_EQ(options.footprint.rate, 0.75);
  EXPECT_EQ(options.image_gate.theta, 0.5);
  EXPECT_EQ(options.image_gate.ttl, 6);
  EXPECT_EQ(options.most_images, 3);  // Of 7 images on 3 ranks.
  EXPECT_EQ(options.schedule.At(3), 0.25);
  EXPECT_DOUBLE_EQ(options.schedule.At(5), 0.03125);
}

TEST(StepSetupTest, WithoutATokenGateOrInItsShadowNoImageIsLeftOut) {
  config::TrainConfig config = SmallConfig();
  config.gate.image_theta = 0.5;
  config.gate.score_ttl = 6;
  EXPECT_FALSE(MakeStepOptions(config, 1).image_gate.caches());
  config.gate.mode = "compact";
  EXPECT_TRUE(MakeStepOptions(config, 1).image_gate.caches());
  config.gate.shadow = true;
  EXPECT_FALSE(MakeStepOptions(config, 1).image_gate.caches());
}

// The shares of all ranks are the sampler's batches in its order, with their epochs, from wherever
// the run goes on.
TEST(StepSetupTest, RanksShareTheSamplersBatches) {
  const config::TrainConfig config = SmallConfig();
  std::vector<uint64_t> ids(20);
  std::iota(ids.begin(), ids.end(), uint64_t{100});
  Datasets datasets;
  datasets.train = std::make_shared<testing::PatternDataset>(ids);
  const data::Sampler sampler(3, 20, 7);
  for (const uint64_t done : {0, 3}) {
    std::vector<std::vector<data::Batch>> batches(3);
    dist::testing::RunRanks(3, [&](dist::Group& group) {
      const auto loader = MakeTrainLoader(config, datasets, group, done);
      for (auto batch = loader->Next(); batch.ok(); batch = loader->Next())
        batches[group.rank()].push_back(*std::move(batch));
    });
    for (int64_t micro = 0; micro < 10 - 2 * static_cast<int64_t>(done); ++micro) {
      const int64_t step = micro + 2 * static_cast<int64_t>(done);
      std::vector<uint64_t> together;
      for (const auto& of_rank : batches) {
        ASSERT_EQ(of_rank.size(), 10 - 2 * done);
        EXPECT_EQ(of_rank[micro].epoch, sampler.EpochOf(step));
        together.insert(together.end(), of_rank[micro].ids.begin(), of_rank[micro].ids.end());
      }
      std::vector<uint64_t> expected;
      for (const int64_t index : sampler.GlobalBatch(step)) expected.push_back(ids[index]);
      EXPECT_EQ(together, expected) << step;
    }
  }
}

}  // namespace
}  // namespace sluice::train
