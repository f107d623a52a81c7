#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/options.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/train/setup.h"

// Trained models small enough for a test of a command.
namespace sluice::commands::testing {

// A tiny model behind a gate, with nothing in it that is a default of its options.
inline config::TrainConfig TinyConfig() {
  config::TrainConfig config;
  config.model.image_size = 12;
  config.model.patch = 4;
  config.model.dim = 16;
  config.model.depth = 3;
  config.model.heads = 2;
  config.gate.layers = {2};
  config.gate.scorer = "information";
  config.data.domain = "invert";
  config.train.threads = 1;
  return config;
}

inline config::TrainConfig WithLora(config::TrainConfig config) {
  config.adapters.kind = "lora";
  config.adapters.rank = 2;
  config.adapters.targets = {"fc1", "qkv"};
  return config;
}

// A model of three classes in which every parameter, and each half of an adapter, is drawn.
inline train::Assembly MakeTrained(const config::TrainConfig& config) {
  auto assembly = train::Assemble(config, 3, torch::kCPU);
  EXPECT_TRUE(assembly.ok()) << assembly.status();
  const torch::NoGradGuard no_graph;
  torch::manual_seed(5);
  const checkpoint::TrainTensors tensors = train::CheckpointTensors(*assembly);
  for (const auto* role : {&tensors.model, &tensors.adapters, &tensors.gate})
    for (const auto& item : *role) torch::Tensor(item.second).normal_(0.0, 0.3);
  return *std::move(assembly);
}

// As `config` would be written into a checkpoint of its run.
inline std::string TomlOf(config::TrainConfig config) {
  OptionSet options("sluice-worker train", "A test");
  config::DefineTrainOptions(options, config);
  return options.ToToml();
}

// Writes a checkpoint of `assembly` that says `toml` about its run.
inline void SaveTiny(const std::string& path, train::Assembly& assembly, const std::string& toml) {
  checkpoint::TrainState state;
  state.step = 10;
  state.class_names = {"cat", "dog", "eel"};
  state.counters.resize(1);
  state.config_toml = toml;
  const absl::Status saved =
      checkpoint::SaveCheckpoint(path, state, train::CheckpointTensors(assembly));
  EXPECT_TRUE(saved.ok()) << saved;
}

// Logits of two fixed images, computed densely.
inline torch::Tensor LogitsOf(model::Vit& vit) {
  const torch::NoGradGuard no_graph;
  const int64_t channels = vit->config().channels, side = vit->config().image_size;
  const int64_t values = 2 * channels * side * side;
  return vit->Forward((torch::arange(values, torch::kFloat) / static_cast<double>(values))
                          .reshape({2, channels, side, side}));
}

}  // namespace sluice::commands::testing
