#include "worker/study/comparison_config.h"

#include <gmock/gmock.h>

#include "worker/study/arms.h"

namespace sluice::study {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

ComparisonConfig ResolvedRuns(ComparisonConfig config) {
  ResolveRuns(config);
  return config;
}

TEST(ComparisonConfig, WhatIsLeftOpenIsChosenForTheSmallModel) {
  const ComparisonConfig config = ResolvedRuns({});
  EXPECT_EQ(config.seconds, 30.0);
  EXPECT_EQ(config.rate, 0.15);
  EXPECT_EQ(config.lr, 2e-3);
  EXPECT_EQ(config.batch, 64);
  EXPECT_EQ(config.together, 12);
}

TEST(ComparisonConfig, GivenWeightsGetFewerImagesGentlerStepsAndMoreSeconds) {
  ComparisonConfig config;
  config.init = "weights.safetensors";
  config = ResolvedRuns(config);
  EXPECT_EQ(config.seconds, 120.0);
  EXPECT_EQ(config.rate, 0.25);
  EXPECT_EQ(config.lr, 1e-4);
  EXPECT_EQ(config.batch, 16);
  EXPECT_EQ(config.together, 5);
}

// One at a time, so that none is overwritten along with a neighbour that was left open.
TEST(ComparisonConfig, WhatIsGivenStaysAndTheOthersAreChosen) {
  for (const std::string init : {"", "weights.safetensors"}) {
    ComparisonConfig open;
    open.init = init;
    const ComparisonConfig chosen = ResolvedRuns(open);
    ComparisonConfig c = open;
    c.seconds = 7;
    EXPECT_EQ(ResolvedRuns(c).seconds, 7.0);
    EXPECT_EQ(ResolvedRuns(c).rate, chosen.rate);
    c = open;
    c.rate = 0.5;
    EXPECT_EQ(ResolvedRuns(c).rate, 0.5);
    EXPECT_EQ(ResolvedRuns(c).lr, chosen.lr);
    c = open;
    c.lr = 3e-4;
    EXPECT_EQ(ResolvedRuns(c).lr, 3e-4);
    EXPECT_EQ(ResolvedRuns(c).batch, chosen.batch);
    c = open;
    c.batch = 6;
    EXPECT_EQ(ResolvedRuns(c).batch, 6);
    EXPECT_EQ(ResolvedRuns(c).together, chosen.together);
    c = open;
    c.together = 2;
    EXPECT_EQ(ResolvedRuns(c).together, 2);
    EXPECT_EQ(ResolvedRuns(c).seconds, chosen.seconds);
  }
}

TEST(ComparisonConfig, ResolvingTwiceChangesNothing) {
  ComparisonConfig once = ResolvedRuns({});
  once.init = "weights.safetensors";  // Too late to change what has been chosen.
  const ComparisonConfig twice = ResolvedRuns(once);
  EXPECT_EQ(twice.seconds, once.seconds);
  EXPECT_EQ(twice.rate, once.rate);
  EXPECT_EQ(twice.lr, once.lr);
  EXPECT_EQ(twice.batch, once.batch);
  EXPECT_EQ(twice.together, once.together);
}

TEST(ComparisonConfig, CommonOptionsOfTheSmallModel) {
  ComparisonConfig config;
  config.nproc = 3;
  config.data_folder = "a folder";
  config.eval_images = 77;
  config.batch = 24;
  EXPECT_THAT(CommonOptions(config, "demo-dense-0", "127.0.0.1:4711"),
              ElementsAre(Pair("run.name", "demo-dense-0"), Pair("nproc", "3"),
                          Pair("sidecar", "127.0.0.1:4711"), Pair("data.folder", "a folder"),
                          Pair("data.eval_subset", "first:77"), Pair("gate.layer", kGateLayer),
                          Pair("train.batch", "24"), Pair("train.weight_decay", "0.05"),
                          Pair("train.beta2", "0.99"), Pair("checkpoint.keep", "1")));
}

// ImageNet's normalisation, which the presets' weights were trained with, and a new classifier.
TEST(ComparisonConfig, CommonOptionsOfGivenWeightsAddTheirModelAndItsImages) {
  ComparisonConfig config;
  const TrainOptions small = CommonOptions(config, "run", "off");
  config.init = "weights.safetensors";
  config.preset = "vit_base_patch16_224";
  config.image_size = 224;
  const TrainOptions large = CommonOptions(config, "run", "off");
  ASSERT_GT(large.size(), small.size());
  const auto added = large.begin() + static_cast<ptrdiff_t>(small.size());
  EXPECT_EQ(TrainOptions(large.begin(), added), small);
  EXPECT_THAT(
      TrainOptions(added, large.end()),
      ElementsAre(Pair("model.preset", "vit_base_patch16_224"), Pair("model.image_size", "224"),
                  Pair("model.replace_head", "true"), Pair("data.resize", "true"),
                  Pair("data.mean", "0.485,0.456,0.406"), Pair("data.std", "0.229,0.224,0.225")));
  EXPECT_THAT(large, Not(Contains(Key("model.init")))) << "each arm names what it starts from";
}

}  // namespace
}  // namespace sluice::study
