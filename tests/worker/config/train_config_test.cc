#include "worker/config/train_config.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::config {
namespace {

using Arguments = std::vector<std::string>;

// A configuration and the options that are read into it.
struct Program {
  TrainConfig config;
  OptionSet options{"sluice-worker train", "test"};

  Program() { DefineTrainOptions(options, config); }
  absl::Status Parse(const Arguments& arguments) { return options.Parse(arguments).status(); }
};

TrainConfig Parsed(const Arguments& arguments) {
  Program program;
  const absl::Status status = program.Parse(arguments);
  EXPECT_TRUE(status.ok()) << status;
  return program.config;
}

TEST(TrainConfig, DefaultsAreValid) {
  EXPECT_TRUE(ValidateTrainConfig({}).ok()) << ValidateTrainConfig({});
  EXPECT_TRUE(ValidateTrainConfig(Parsed({})).ok());
  EXPECT_EQ(Fingerprint(Parsed({})), Fingerprint({})) << "reading nothing changes nothing";
}

// Values out of their own range are refused while they are read: every default must lie inside.
TEST(TrainConfig, DefaultsLieInTheirRanges) {
  Program program;
  ASSERT_TRUE(program.Parse({}).ok());
  const TemporaryFolder folder;
  const std::string file = folder.Write("run.toml", program.options.ToToml());
  Program again;
  const absl::Status status = again.Parse({"--config", file});
  EXPECT_TRUE(status.ok()) << status;
}

TEST(TrainConfig, AValueOutOfRangeNamesKeyValueRangeAndOrigin) {
  Program program;
  EXPECT_TRUE(SaysInvalid(program.Parse({"--gate.threshold=1.5"}),
                          {"gate.threshold", "1.5", "[0, 1]", "flag --gate.threshold"}));
  Program other;
  EXPECT_TRUE(SaysInvalid(other.Parse({"--gate.mode=sparse"}), {"gate.mode", "sparse", "compact"}));
}

TEST(TrainConfig, ErrorsBetweenOptionsNameKeyValueAndExpectation) {
  struct Case {
    Arguments arguments;
    std::initializer_list<std::string> parts;
  };
  const Case cases[] = {
      {{"--gate.policy=budget", "--gate.rate=0"}, {"gate.rate", "'0'", "above 0", "budget"}},
      {{"--gate.policy=sample", "--gate.rate=0"}, {"gate.rate", "'0'", "above 0", "sample"}},
      {{"--gate.floor=0.5", "--gate.ceiling=0.25"},
       {"gate.floor", "'0.5'", "gate.ceiling", "0.25"}},
      {{"--train.steps=10", "--train.warmup_steps=10"},
       {"train.warmup_steps", "'10'", "less than train.steps"}},
      {{"--checkpoint.keep_best=2", "--eval.every=10"},
       {"checkpoint.keep_best", "'2'", "eval.every", "checkpoint.every"}},
      {{"--checkpoint.keep_best=2", "--checkpoint.every=10"},
       {"checkpoint.keep_best", "'2'", "eval.every", "checkpoint.every"}},
      {{"--eval.domains=invert,sepia"}, {"eval.domains", "sepia", "invert"}},
      {{"--sidecar=nonsense"}, {"sidecar", "nonsense", "HOST:PORT"}},
      {{"--gate.layer=6"}, {"gate.layer", "'6'", "depth", "6"}},
      {{"--model.depth=2", "--gate.layer=2"}, {"gate.layer", "'2'", "depth", "2"}},
      {{"--model.patch=5"}, {"model.image_size", "28", "multiple", "5"}},
      {{"--model.heads=5"}, {"model.dim", "128", "multiple", "5"}},
      {{"--data.mean=0.5,0.4,0.3", "--data.std=0.5"}, {"data.mean", "data.std", "3", "1"}},
      {{"--data.mean=0.5,0.4,0.3", "--data.std=1,1,1"}, {"data.mean", "3", "channel"}},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(SaysInvalid(ValidateTrainConfig(Parsed(c.arguments)), c.parts));
  }
}

TEST(TrainConfig, WhatFitsIsAccepted) {
  for (const Arguments& arguments :
       {Arguments{"--gate.policy=threshold", "--gate.rate=0"},
        Arguments{"--gate.floor=0.25", "--gate.ceiling=0.25"},
        Arguments{"--train.steps=1", "--train.warmup_steps=0"}, Arguments{"--sidecar=off"},
        Arguments{"--sidecar=sluice.example:50551"}, Arguments{"--sidecar=[::1]:50551"},
        Arguments{"--gate.layer=5"},
        Arguments{"--checkpoint.keep_best=1", "--checkpoint.every=5", "--eval.every=10"},
        Arguments{"--gate.mode=compact", "--gate.scorer=head", "--gate.train_head=off"},
        Arguments{"--model.preset=vit_tiny", "--data.mean=0.5,0.4,0.3", "--data.std=1,1,1"}}) {
    const absl::Status status = ValidateTrainConfig(Parsed(arguments));
    EXPECT_TRUE(status.ok()) << arguments[0] << ": " << status;
  }
}

TEST(TrainConfig, TheModelIsThePresetWithWhatWasGiven) {
  const model::VitConfig nano = *model::VitPreset("vit_nano");
  const model::VitConfig same = *ResolveModel({}, 10);
  EXPECT_EQ(same, nano);
  ModelConfig given;
  given.image_size = 32;
  given.patch = 8;
  given.dim = 48;
  given.depth = 3;
  given.heads = 6;
  given.pool = "avg";
  const model::VitConfig changed = *ResolveModel(given, 7);
  EXPECT_EQ(changed.patches(), 16);
  EXPECT_EQ(changed.dim, 48);
  EXPECT_EQ(changed.mlp_dim, 192);
  EXPECT_EQ(changed.depth, 3);
  EXPECT_EQ(changed.heads, 6);
  EXPECT_EQ(changed.classes, 7);
  EXPECT_EQ(changed.pool, model::Pool::kMean);
}

TEST(TrainConfig, OnlyTrainingAugments) {
  const TrainConfig config =
      Parsed({"--data.domain=invert", "--augment.flip=0.5", "--augment.crop_padding=3",
              "--train.seed=9", "--data.mean=0.2", "--data.std=0.7"});
  const data::PipelineConfig training = *ResolvePipeline(config, true);
  EXPECT_EQ(training.domain, data::Domain::kInvert);
  EXPECT_EQ(training.augment.flip_probability, 0.5);
  EXPECT_EQ(training.augment.crop_padding, 3);
  EXPECT_EQ(training.seed, 9u);
  const data::PipelineConfig evaluation = *ResolvePipeline(config, false);
  EXPECT_EQ(evaluation.augment, data::AugmentOptions{});
  EXPECT_EQ(evaluation.domain, data::Domain::kInvert);
  EXPECT_EQ(evaluation.normalization, (data::Normalization{{0.2}, {0.7}}));
}

// Everything that changes what a step computes.
const Arguments kMatters = {"--model.preset=vit_tiny",
                            "--model.image_size=32",
                            "--model.patch=7",
                            "--model.dim=64",
                            "--model.depth=4",
                            "--model.heads=2",
                            "--model.pool=avg",
                            "--data.format=folder",
                            "--data.train_split=other",
                            "--data.train_subset=first:100",
                            "--data.resize",
                            "--data.domain=blur",
                            "--data.mean=0.4",
                            "--data.std=0.4",
                            "--augment.flip=0.5",
                            "--augment.crop_padding=2",
                            "--augment.random_resized_crop",
                            "--augment.scale_low=0.5",
                            "--augment.brightness=0.1",
                            "--augment.contrast=0.1",
                            "--gate.mode=compact",
                            "--gate.shadow",
                            "--gate.layer=2",
                            "--gate.temperature=2",
                            "--gate.anneal_steps=3",
                            "--gate.grow_steps=4",
                            "--gate.scorer=head",
                            "--gate.policy=sample",
                            "--gate.threshold=0.5",
                            "--gate.rate=0.5",
                            "--gate.floor=0.1",
                            "--gate.ceiling=0.9",
                            "--gate.budget_scope=batch",
                            "--gate.budget_scope=ranks",
                            "--collective.compression=bf16",
                            "--gate.train_head=on",
                            "--gate.head_lr=2",
                            "--gate.image_theta=0.3",
                            "--gate.score_ttl=2",
                            "--gate.calibrate",
                            "--footprint.rate=0.5",
                            "--footprint.scorer=random",
                            "--footprint.every=3",
                            "--footprint.rest=false",
                            "--adapters.kind=lora",
                            "--adapters.rank=4",
                            "--adapters.alpha=3",
                            "--adapters.targets=qkv,fc2",
                            "--adapters.only=false",
                            "--train.steps=999",
                            "--train.batch=32",
                            "--train.accumulate=2",
                            "--train.lr=0.002",
                            "--train.min_lr_ratio=0.1",
                            "--train.warmup_steps=21",
                            "--train.weight_decay=0.1",
                            "--train.beta1=0.8",
                            "--train.beta2=0.99",
                            "--train.epsilon=1e-7",
                            "--train.clip=2",
                            "--train.label_smoothing=0.1",
                            "--train.seed=1",
                            "--compute.gemm=mkl"};

TEST(TrainConfig, TheFingerprintChangesWithEachOptionThatMatters) {
  std::set<std::string> seen = {Fingerprint({})};
  for (const std::string& argument : kMatters) {
    EXPECT_TRUE(seen.insert(Fingerprint(Parsed({argument}))).second) << argument;
  }
}

TEST(TrainConfig, TheFingerprintLeavesAsideWhatAResumedRunMayChange) {
  const std::string fingerprint = Fingerprint({});
  EXPECT_EQ(fingerprint.find('\n'), std::string::npos);
  for (const std::string argument :
       {"--run.name=other", "--run.folder=elsewhere", "--data.folder=moved", "--data.threads=2",
        "--eval.every=5", "--eval.mode=dense", "--checkpoint.every=7", "--resume", "--stop_after=3",
        "--sidecar=off", "--json=-", "--log.level=warn", "--nproc=2", "--max-restarts=3",
        "--grace_seconds=5", "--checkpoint.keep_best=1", "--checkpoint.asynchronous=false"}) {
    EXPECT_EQ(Fingerprint(Parsed({argument})), fingerprint) << argument;
  }
}

// Names come from the user: bytes that are no text must not end the process.
TEST(TrainConfig, TheFingerprintBearsAnyBytes) {
  TrainConfig config;
  config.data.train_split = "caf\xe9";
  EXPECT_NE(Fingerprint(config), Fingerprint({}));
}

TEST(TrainConfig, PrintedTomlReadsBackTheSame) {
  Arguments arguments = {
      "--run.name=a \"b\" \\ c",   "--model.init=x.safetensors", "--resume",
      "--directives=log.jsonl",    "--data.mean=-0.25",          "--train.lr=0.00012345678",
      "--collective.timeout=12.5", "--progress.seconds=0",       "--sidecar=off"};
  for (const std::string& argument : kMatters) {
    // Each option once.
    if (argument.find("data.mean") == std::string::npos &&
        argument.find("train.lr=") == std::string::npos &&
        argument != "--gate.budget_scope=batch") {
      arguments.push_back(argument);
    }
  }
  Program first;
  ASSERT_TRUE(first.Parse(arguments).ok());
  const TemporaryFolder folder;
  const std::string toml = first.options.ToToml();
  Program second;
  const absl::Status status = second.Parse({"--config", folder.Write("run.toml", toml)});
  ASSERT_TRUE(status.ok()) << status << "\n" << toml;
  EXPECT_EQ(second.options.ToToml(), toml);
  EXPECT_EQ(Fingerprint(second.config), Fingerprint(first.config));
  EXPECT_EQ(second.config.run, first.config.run);
  EXPECT_EQ(second.config.model.init, "x.safetensors");
  EXPECT_EQ(second.config.directives, "log.jsonl");
  EXPECT_EQ(second.config.train.lr, 0.00012345678);
  EXPECT_EQ(second.config.collective_timeout, 12.5);
  EXPECT_EQ(second.config.progress_seconds, 0.0);
  EXPECT_EQ(second.config.sidecar, "off");
  EXPECT_TRUE(second.config.resume);
}

// `train --print-config > run.toml` is how a configuration file is made: it must be one that
// trains.
TEST(TrainConfig, APrintedConfigurationTrains) {
  Program first;
  ASSERT_TRUE(first.Parse({"--print-config"}).ok());
  EXPECT_TRUE(first.config.print_config);
  const TemporaryFolder folder;
  Program second;
  ASSERT_TRUE(second.Parse({"--config", folder.Write("run.toml", first.options.ToToml())}).ok());
  EXPECT_FALSE(second.config.print_config);
}

TEST(TrainConfig, AnUnknownKeyIsNamed) {
  const TemporaryFolder folder;
  Program program;
  EXPECT_TRUE(SaysInvalid(
      program.Parse({"--config", folder.Write("run.toml", "[gate]\nthreshhold = 0.5\n")}),
      {"threshhold"}));
}

}  // namespace
}  // namespace sluice::config
