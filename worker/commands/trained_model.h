#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/options.h"
#include "worker/config/train_config.h"
#include "worker/train/gated_model.h"

namespace sluice::commands {

// A model that is used and not trained.
struct TrainedModel {
  config::TrainConfig config;
  std::vector<std::string> class_names;  // By label; numbers if the weights file has none.
  std::unique_ptr<train::GatedModel> model;
};

// Options of a command that uses the weights of model.init. A checkpoint's own configuration stands
// below environment and flags, unless --config names another. `define` adds the command's own
// options. Nothing: help or the version was asked for and printed.
absl::StatusOr<std::optional<config::TrainConfig>> ParseForTrainedModel(
    const std::string& program, const std::string& description,
    const std::vector<std::string>& arguments, const std::function<void(OptionSet&)>& define);

// Builds the model of the configuration with as many classes as model.init's classifier has, and
// loads it. Sets LibTorch's threads.
absl::StatusOr<TrainedModel> LoadTrainedModel(const config::TrainConfig& config);

}  // namespace sluice::commands
