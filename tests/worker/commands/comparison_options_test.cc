#include "worker/commands/comparison_options.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/common/says.h"
#include "worker/config/train_config.h"
#include "worker/model/vit_config.h"

namespace sluice::commands {
namespace {

// What `arguments` make of `config`.
absl::Status ParseComparison(const std::vector<std::string>& arguments,
                             study::ComparisonConfig& config) {
  OptionSet options("sluice-worker demo", "A test");
  DefineComparisonOptions(options, config);
  return options.Parse(arguments).status();
}

TEST(ComparisonOptions, EachGoesToItsField) {
  study::ComparisonConfig c;
  ASSERT_TRUE(
      ParseComparison({"--output=out", "--data=images", "--nproc=3", "--seconds=7.5", "--rate=0.5",
                       "--images=65", "--eval_images=66", "--pretrain_steps=31", "--batch=6",
                       "--init=weights", "--preset=vit_tiny", "--image_size=32", "--together=4"},
                      c)
          .ok());
  EXPECT_EQ(c.output, "out");
  EXPECT_EQ(c.data_folder, "images");
  EXPECT_EQ(c.nproc, 3);
  EXPECT_EQ(c.seconds, 7.5);
  EXPECT_EQ(c.rate, 0.5);
  EXPECT_EQ(c.images, 65);
  EXPECT_EQ(c.eval_images, 66);
  EXPECT_EQ(c.pretrain_steps, 31);
  EXPECT_EQ(c.batch, 6);
  EXPECT_EQ(c.init, "weights");
  EXPECT_EQ(c.preset, "vit_tiny");
  EXPECT_EQ(c.image_size, 32);
  EXPECT_EQ(c.together, 4);
}

// A 0 that a default of the option replaced would never come to ResolveRuns.
TEST(ComparisonOptions, WhatIsNotGivenStaysOpen) {
  study::ComparisonConfig c;
  ASSERT_TRUE(ParseComparison({}, c).ok());
  EXPECT_EQ(c.seconds, 0.0);
  EXPECT_EQ(c.rate, 0.0);
  EXPECT_EQ(c.batch, 0);
  EXPECT_EQ(c.together, 0);
  EXPECT_EQ(c.output, "build/demo");
  EXPECT_EQ(c.preset, "vit_small_patch14_dinov2");
}

struct Limits {
  std::string name, low, high, below, above, range;
};

TEST(ComparisonOptions, BothEndsOfEachRangeAreTakenAndNothingBeyond) {
  for (const Limits& l :
       std::vector<Limits>{{"nproc", "1", "64", "0", "65", "[1, 64]"},
                           {"seconds", "1", "86400", "0.99", "86401", "[1, 86400]"},
                           {"rate", "0.06", "0.94", "0.05", "0.95", "[0.06, 0.94]"},
                           {"images", "64", "60000", "63", "60001", "[64, 60000]"},
                           {"eval_images", "64", "10000", "63", "10001", "[64, 10000]"},
                           {"pretrain_steps", "30", "1000000", "29", "1000001", "[30, 1000000]"},
                           {"batch", "2", "65536", "1", "65537", "[2, 65536]"},
                           {"image_size", "8", "1024", "7", "1025", "[8, 1024]"},
                           {"together", "2", "1000", "1", "1001", "[2, 1000]"}}) {
    study::ComparisonConfig c;
    for (const std::string& value : {l.low, l.high})
      EXPECT_TRUE(ParseComparison({"--" + l.name + "=" + value}, c).ok()) << l.name << value;
    for (const std::string& value : {l.below, l.above, std::string("many")}) {
      EXPECT_TRUE(SaysInvalid(
          ParseComparison({"--" + l.name + "=" + value}, c),
          {l.name + " is '" + value + "', expected ", l.range, "(from flag --" + l.name + ")"}));
    }
  }
}

TEST(ComparisonOptions, APresetIsOneOfThoseThatThereAre) {
  study::ComparisonConfig c;
  for (const std::string& name : model::VitPresetNames()) {
    EXPECT_TRUE(ParseComparison({"--preset", name}, c).ok());
    EXPECT_EQ(c.preset, name);
  }
  EXPECT_TRUE(SaysInvalid(ParseComparison({"--preset=resnet"}, c),
                          {"preset is 'resnet', expected one of vit_nano", "dinov2"}));
}

TEST(ComparisonOptions, TheEnvironmentGivesThemTooAndIsNamed) {
  study::ComparisonConfig c;
  ASSERT_EQ(::setenv("SLUICE_EVAL_IMAGES", "63", 1), 0);
  EXPECT_TRUE(SaysInvalid(ParseComparison({}, c),
                          {"eval_images is '63'", "(from environment SLUICE_EVAL_IMAGES)"}));
  EXPECT_TRUE(ParseComparison({"--eval_images=64"}, c).ok()) << "the flag wins";
  ASSERT_EQ(::unsetenv("SLUICE_EVAL_IMAGES"), 0);
}

// What the runs of a comparison are told is what `sluice-worker train` knows, and fits together.
TEST(ComparisonOptions, TrainTakesTheCommonOptions) {
  for (const std::string init : {"", "weights.safetensors"}) {
    study::ComparisonConfig c;
    std::vector<std::string> given = {"--eval_images=77"};
    if (!init.empty()) given.push_back("--init=" + init);
    ASSERT_TRUE(ParseComparison(given, c).ok());
    study::ResolveRuns(c);
    std::vector<std::string> arguments;
    for (const auto& [name, value] : study::CommonOptions(c, "a run", "127.0.0.1:4711"))
      arguments.push_back("--" + name + "=" + value);
    config::TrainConfig train;
    OptionSet options("sluice-worker train", "A test");
    config::DefineTrainOptions(options, train);
    const auto parsed = options.Parse(arguments);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_TRUE(config::ValidateTrainConfig(train).ok()) << config::ValidateTrainConfig(train);
    EXPECT_EQ(train.run, "a run");
    EXPECT_EQ(train.data.eval_subset, "first:77");
    EXPECT_EQ(train.train.batch, init.empty() ? 64 : 16);
    EXPECT_EQ(train.model.preset, init.empty() ? "vit_nano" : c.preset);
    EXPECT_EQ(train.data.mean.size(), init.empty() ? 1u : 3u);
  }
}

}  // namespace
}  // namespace sluice::commands
