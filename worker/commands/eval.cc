#include <ATen/Parallel.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/config/train_config.h"
#include "worker/train/evaluate.h"
#include "worker/train/setup.h"

namespace sluice::commands {
namespace {

using nlohmann::json;

absl::StatusOr<json> EvaluateModes(const config::TrainConfig& config) {
  SLUICE_ASSIGN_OR_RETURN(const torch::Device device, train::ResolveDevice(config.device, 0));
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig shape, config::ResolveModel(config.model, 2));
  SLUICE_ASSIGN_OR_RETURN(const train::Datasets datasets,
                          train::OpenDatasets(config.data, shape.channels, shape.image_size, {}));
  const auto classes = static_cast<int64_t>(datasets.train->class_names().size());
  SLUICE_ASSIGN_OR_RETURN(train::Assembly assembly, train::Assemble(config, classes, device));
  SLUICE_ASSIGN_OR_RETURN(const data::PipelineConfig pipeline,
                          config::ResolvePipeline(config, false));
  SLUICE_ASSIGN_OR_RETURN(dist::Group group, dist::Group::Alone());
  SLUICE_ASSIGN_OR_RETURN(
      const train::Evaluations found,
      train::EvaluateModes(*assembly.model, datasets.eval, pipeline, group, config.eval_batch,
                           config.eval_mode, static_cast<uint64_t>(config.train.seed), ""));
  json result = {{"init", config.model.init}};
  const auto add = [&result](const char* key, const std::optional<train::Evaluation>& e) {
    if (!e) return;
    result[key] = {{"accuracy", e->accuracy},
                   {"loss", e->loss},
                   {"images", e->images},
                   {"activation_rate", e->activation_rate}};
  };
  add("dense", found.dense);
  add("gated", found.gated);
  return result;
}

}  // namespace

absl::Status Eval(const std::vector<std::string>& arguments) {
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> parsed,
      ParseForTrainedModel("sluice-worker eval",
                           "Evaluates the weights of --model.init, densely and gated. A checkpoint "
                           "brings its configuration along; flags win over it",
                           arguments, [](OptionSet&) {}));
  if (!parsed) return absl::OkStatus();
  const config::TrainConfig& config = *parsed;
  StartLog("eval", config.log_level);
  const auto processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(config.train.threads > 0 ? static_cast<int>(config.train.threads)
                                               : processors);
  json result;
  absl::Status status;
  SLUICE_RETURN_IF_ERROR(dist::Guard("eval", [&] {
    absl::StatusOr<json> evaluated = EvaluateModes(config);
    status = evaluated.status();
    if (evaluated.ok()) result = *std::move(evaluated);
  }));
  SLUICE_RETURN_IF_ERROR(status);
  if (config.json == "-") {
    std::cout << result.dump(2) << std::endl;
    return absl::OkStatus();
  }
  return config.json.empty() ? absl::OkStatus() : WriteFileAtomically(config.json, result.dump(2));
}

}  // namespace sluice::commands
