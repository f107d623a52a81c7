#include "worker/config/legacy_config.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "worker/config/train_config.h"

namespace sluice::config {
namespace {

constexpr int64_t kBatch = 16;

absl::StatusOr<LegacyConfig> ParseLegacy(const std::vector<std::string>& arguments) {
  OptionSet options("test", "");
  LegacyConfig config;
  DefineLegacyOptions(options, config);
  const absl::StatusOr<bool> go_on = options.Parse(arguments);
  if (!go_on.ok()) return go_on.status();
  return config;
}

absl::Status ValidateParsed(const std::vector<std::string>& arguments) {
  const absl::StatusOr<LegacyConfig> config = ParseLegacy(arguments);
  return config.ok() ? ValidateLegacyConfig(*config, kBatch) : config.status();
}

TEST(LegacyConfigTest, WithoutOptionsNothingIsRememberedAndAllMayChange) {
  const auto config = ParseLegacy({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->folder, "");
  EXPECT_EQ(config->probe_every, 0);
  EXPECT_FALSE(config->probe_async);
  EXPECT_EQ(config->probe_threads, 1);
  EXPECT_EQ(config->probe_deadline, 300.0);
  EXPECT_EQ(config->share, 0.0);
  EXPECT_EQ(config->loss, "cross_entropy");
  EXPECT_EQ(config->ewc_lambda, 0.0);
  EXPECT_EQ(config->freeze, "none");
  EXPECT_TRUE(ValidateLegacyConfig(*config, kBatch).ok());
}

TEST(LegacyConfigTest, EachOptionHasItsValue) {
  const auto config =
      ParseLegacy({"--legacy.folder=old", "--probe.every=50", "--probe.async", "--probe.threads=2",
                   "--probe.deadline=9", "--rehearsal.share=0.25", "--rehearsal.loss=der",
                   "--rehearsal.alpha=0.3", "--rehearsal.beta=0.8", "--ewc.lambda=400",
                   "--train.freeze=backbone"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->folder, "old");
  EXPECT_EQ(config->probe_every, 50);
  EXPECT_TRUE(config->probe_async);
  EXPECT_EQ(config->probe_threads, 2);
  EXPECT_EQ(config->probe_deadline, 9.0);
  EXPECT_EQ(config->share, 0.25);
  EXPECT_EQ(config->loss, "der");
  EXPECT_EQ(config->alpha, 0.3);
  EXPECT_EQ(config->beta, 0.8);
  EXPECT_EQ(config->ewc_lambda, 400.0);
  EXPECT_EQ(config->freeze, "backbone");
  EXPECT_TRUE(ValidateLegacyConfig(*config, kBatch).ok());
}

TEST(LegacyConfigTest, AValueOutOfItsRangeIsNamed) {
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--probe.every=-1"}), {"probe.every", "-1"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--probe.async"}), {"probe.async", "probe.every"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--probe.threads=0"}), {"probe.threads", "0"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--rehearsal.share=1"}), {"rehearsal.share", "0.999"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--rehearsal.share=nan"}), {"rehearsal.share"}));
  EXPECT_TRUE(
      SaysInvalid(ValidateParsed({"--rehearsal.loss=mse"}), {"rehearsal.loss", "mse", "der"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--rehearsal.alpha=-0.1"}), {"rehearsal.alpha"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--rehearsal.beta=1001"}), {"rehearsal.beta"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--ewc.lambda=-1"}), {"ewc.lambda"}));
  EXPECT_TRUE(
      SaysInvalid(ValidateParsed({"--train.freeze=head"}), {"train.freeze", "head", "backbone"}));
}

TEST(LegacyConfigTest, WhatNeedsTheFolderIsNamedWithoutIt) {
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--probe.every=7"}),
                          {"probe.every is '7', expected 0", "legacy.folder"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--rehearsal.share=0.5"}),
                          {"rehearsal.share is '0.5', expected 0", "legacy.folder"}));
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--ewc.lambda=2"}),
                          {"ewc.lambda is '2', expected 0", "legacy.folder"}));
  EXPECT_TRUE(ValidateParsed({"--train.freeze=backbone"}).ok());
  EXPECT_TRUE(ValidateParsed({"--legacy.folder=old"}).ok());
}

TEST(LegacyConfigTest, AShareThatRoundsToNoImageIsRefused) {
  EXPECT_TRUE(SaysInvalid(ValidateParsed({"--legacy.folder=old", "--rehearsal.share=0.03"}),
                          {"rehearsal.share is '0.03'", "train.batch, 16"}));
  EXPECT_TRUE(ValidateParsed({"--legacy.folder=old", "--rehearsal.share=0.03125"}).ok());
}

TEST(LegacyConfigTest, TheyAreOptionsOfTraining) {
  OptionSet options("test", "");
  TrainConfig config;
  DefineTrainOptions(options, config);
  ASSERT_TRUE(options.Parse({"--probe.every=3"}).ok());
  EXPECT_EQ(config.legacy.probe_every, 3);
  config.data.folder = "images";
  EXPECT_TRUE(SaysInvalid(ValidateTrainConfig(config), {"probe.every", "legacy.folder"}));
}

}  // namespace
}  // namespace sluice::config
