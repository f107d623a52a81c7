#include "worker/commands/trained_model.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/commands/tiny_checkpoint.h"
#include "worker/model/weights.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::commands {
namespace {

class TrainedModelTest : public ::testing::Test {
 protected:
  // Parses as a command with one option of its own, `limit`.
  absl::StatusOr<std::optional<config::TrainConfig>> ParseUse(std::vector<std::string> arguments) {
    return ParseForTrainedModel("sluice-worker use", "A test", arguments, [this](OptionSet& o) {
      o.Integer("limit", &limit_, 0, 9, "An option of the command's own");
    });
  }
  config::TrainConfig Parsed(const std::vector<std::string>& arguments) {
    const auto parsed = ParseUse(arguments);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() && *parsed ? **parsed : config::TrainConfig();
  }
  // A checkpoint whose run had `config`. Returns its path.
  std::string Checkpoint(const config::TrainConfig& config) const {
    train::Assembly assembly = testing::MakeTrained(config);
    testing::SaveTiny(checkpoint_, assembly, testing::TomlOf(config));
    return checkpoint_;
  }
  std::string Init() const { return "--model.init=" + checkpoint_; }

  const TemporaryFolder folder_;
  const std::string checkpoint_ = folder_.Path("checkpoint-00000010.safetensors");
  int64_t limit_ = 0;
};

TEST_F(TrainedModelTest, WithoutAModelNothingCanBeUsed) {
  EXPECT_TRUE(SaysInvalid(ParseUse({}).status(),
                          {"model.init is empty, expected a weights file or a checkpoint"}));
  EXPECT_TRUE(Says(ParseUse({"--model.init=" + folder_.Path("nowhere")}).status(),
                   absl::StatusCode::kNotFound, {folder_.Path("nowhere")}));
  folder_.Write("text", "no tensors at all");
  EXPECT_TRUE(SaysInvalid(ParseUse({"--model.init=" + folder_.Path("text")}).status(),
                          {folder_.Path("text"), "expected"}));
}

TEST_F(TrainedModelTest, HelpIsNoError) {
  ::testing::internal::CaptureStdout();
  const auto parsed = ParseUse({"--help"});
  const std::string help = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_FALSE(parsed->has_value());
  EXPECT_NE(help.find("sluice-worker use"), std::string::npos) << help;
  EXPECT_NE(help.find("--limit"), std::string::npos);
}

TEST_F(TrainedModelTest, ACheckpointSaysWhatItsModelIsAndHowImagesReachIt) {
  Checkpoint(testing::WithLora(testing::TinyConfig()));
  const config::TrainConfig config = Parsed({Init(), "--limit=7"});
  EXPECT_EQ(config.model.init, checkpoint_);
  EXPECT_EQ(config.model.dim, 16);
  EXPECT_EQ(config.model.depth, 3);
  EXPECT_EQ(config.gate.layers, std::vector<int64_t>{2});
  EXPECT_EQ(config.gate.scorer, "information");
  EXPECT_EQ(config.data.domain, "invert");
  EXPECT_EQ(config.adapters.kind, "lora");
  EXPECT_EQ(config.adapters.targets, (std::vector<std::string>{"fc1", "qkv"}));
  EXPECT_EQ(limit_, 7);
}

// Its report would overwrite the run's, and its weights would be those that it started from.
TEST_F(TrainedModelTest, WhatBelongsToTheRunThatWroteItStaysThere) {
  config::TrainConfig config = testing::TinyConfig();
  train::Assembly assembly = testing::MakeTrained(config);
  config.json = "report of the run";
  config.run_folder = "folder of the run";
  config.resume = true;
  config.train.seed = 99;
  config.eval_batch = 3;
  config.model.init = "where the run began";
  config.model.replace_head = true;
  config.adapters.init = "adapters that the run began with";
  testing::SaveTiny(checkpoint_, assembly, testing::TomlOf(config));
  const config::TrainConfig used = Parsed({Init()}), plain;
  EXPECT_EQ(used.json, "");
  EXPECT_EQ(used.run_folder, plain.run_folder);
  EXPECT_FALSE(used.resume);
  EXPECT_EQ(used.train.seed, plain.train.seed);
  EXPECT_EQ(used.eval_batch, plain.eval_batch);
  EXPECT_EQ(used.model.init, checkpoint_);
  EXPECT_FALSE(used.model.replace_head) << "the classifier is what was trained";
  EXPECT_EQ(used.adapters.init, "");
  EXPECT_EQ(used.model.dim, 16);
}

TEST_F(TrainedModelTest, FlagsAndEnvironmentWinOverTheCheckpoint) {
  Checkpoint(testing::TinyConfig());
  ASSERT_EQ(::setenv("SLUICE_GATE_SCORER", "random", 1), 0);
  const config::TrainConfig config = Parsed({Init(), "--data.domain=blur", "--gate.layer=1"});
  ASSERT_EQ(::unsetenv("SLUICE_GATE_SCORER"), 0);
  EXPECT_EQ(config.data.domain, "blur");
  EXPECT_EQ(config.gate.layers, std::vector<int64_t>{1});
  EXPECT_EQ(config.gate.scorer, "random");
  EXPECT_EQ(config.model.dim, 16) << "the rest is the checkpoint's";
}

TEST_F(TrainedModelTest, AnotherConfigurationReplacesTheCheckpointsOwn) {
  Checkpoint(testing::TinyConfig());
  const std::string file = folder_.Write("other.toml", "[model]\ndim = 32\nheads = 4\n");
  for (const std::vector<std::string>& named :
       {std::vector<std::string>{"--config=" + file}, {"--config", file}}) {
    std::vector<std::string> arguments = {Init()};
    arguments.insert(arguments.end(), named.begin(), named.end());
    const config::TrainConfig config = Parsed(arguments);
    EXPECT_EQ(config.model.dim, 32);
    EXPECT_EQ(config.model.depth, 0) << "the preset's";
    EXPECT_EQ(config.data.domain, "none");
  }
}

TEST_F(TrainedModelTest, AConfigurationInsideThatCannotBeReadIsNamed) {
  train::Assembly assembly = testing::MakeTrained(testing::TinyConfig());
  testing::SaveTiny(checkpoint_, assembly, "model.dim=16\nmodel.thinness=3\ntrain.colour=4\n");
  EXPECT_TRUE(SaysInvalid(ParseUse({Init()}).status(),
                          {"configuration inside '" + checkpoint_ + "'", "model.thinness"}));
  testing::SaveTiny(checkpoint_, assembly, "gate.layer=\"many\"\n");
  EXPECT_TRUE(SaysInvalid(ParseUse({Init()}).status(),
                          {"configuration inside '" + checkpoint_ + "'", "gate.layer", "'many'"}));
}

TEST_F(TrainedModelTest, ValuesThatDoNotFitTheModelAreRefused) {
  Checkpoint(testing::TinyConfig());
  EXPECT_TRUE(SaysInvalid(ParseUse({Init(), "--gate.layer=3"}).status(),
                          {"gate.layer is '3'", "less than the model's depth, 3"}));
  EXPECT_TRUE(SaysInvalid(ParseUse({Init(), "--limit=10"}).status(),
                          {"limit is '10'", "[0, 9]", "flag --limit"}));
}

TEST_F(TrainedModelTest, NoFileIsLeftBehind) {
  Checkpoint(testing::TinyConfig());
  const TemporaryFolder scratch;
  const char* const before = ::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ASSERT_EQ(::setenv("TMPDIR", scratch.path().c_str(), 1), 0);
  EXPECT_TRUE(ParseUse({Init()}).ok());
  EXPECT_FALSE(ParseUse({Init(), "--gate.layer=3"}).ok());
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST_F(TrainedModelTest, ACheckpointIsLoadedWithItsClassesAndAdapters) {
  const config::TrainConfig config = testing::WithLora(testing::TinyConfig());
  train::Assembly saved = testing::MakeTrained(config);
  testing::SaveTiny(checkpoint_, saved, testing::TomlOf(config));
  auto loaded = LoadTrainedModel(Parsed({Init()}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->class_names, (std::vector<std::string>{"cat", "dog", "eel"}));
  EXPECT_EQ(loaded->config.model.init, checkpoint_);
  EXPECT_TRUE(testing::LogitsOf(loaded->model->vit()).equal(testing::LogitsOf(saved.model->vit())));
}

TEST_F(TrainedModelTest, ClassesOfAWeightsFileAreNumbers) {
  config::TrainConfig config = testing::TinyConfig();
  train::Assembly saved = testing::MakeTrained(config);
  config.model.init = folder_.Path("weights.safetensors");
  ASSERT_TRUE(model::SaveWeights(config.model.init, saved.model->vit(), {}).ok());
  auto loaded = LoadTrainedModel(config);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->class_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_TRUE(testing::LogitsOf(loaded->model->vit()).equal(testing::LogitsOf(saved.model->vit())));
}

TEST_F(TrainedModelTest, ThreadsAreThoseOfTheOptionElseAllProcessors) {
  config::TrainConfig config = testing::TinyConfig();
  config.model.init = Checkpoint(config);
  const int before = at::get_num_threads();
  config.train.threads = 3;
  ASSERT_TRUE(LoadTrainedModel(config).ok());
  EXPECT_EQ(at::get_num_threads(), 3);
  config.train.threads = 0;
  ASSERT_TRUE(LoadTrainedModel(config).ok());
  EXPECT_EQ(at::get_num_threads(), std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(before);
}

TEST_F(TrainedModelTest, AFileWithoutAClassifierOfTwoDimensionsIsRefused) {
  config::TrainConfig config = testing::TinyConfig();
  config.model.init = folder_.Path("odd.safetensors");
  const std::string zeros(3 * sizeof(float), '\0');
  const auto write = [&](const std::string& name) {
    ASSERT_TRUE(
        tensors::WriteSafetensors(config.model.init, {{name, tensors::DType::kF32, {3}, zeros}}, {})
            .ok());
  };
  write("neck.weight");
  EXPECT_TRUE(Says(LoadTrainedModel(config).status(), absl::StatusCode::kNotFound,
                   {config.model.init, "head.weight"}));
  write("head.weight");
  EXPECT_TRUE(
      SaysInvalid(LoadTrainedModel(config).status(),
                  {"'" + config.model.init + "': the classifier has 1 dimensions, expected 2"}));
}

}  // namespace
}  // namespace sluice::commands
