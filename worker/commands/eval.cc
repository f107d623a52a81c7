#include <ATen/Parallel.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/bad_value.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/config/train_config.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/train/evaluate.h"
#include "worker/train/router.h"
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

// The model of a checkpoint with what its heads usually say of its domain.
absl::StatusOr<train::Expert> LoadExpert(const std::string& path,
                                         const std::vector<std::string>& class_names) {
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> config,
      ParseForTrainedModel("sluice-worker eval", "", {absl::StrCat("--model.init=", path)},
                           [](OptionSet&) {}));
  SLUICE_ASSIGN_OR_RETURN(TrainedModel trained, LoadTrainedModel(*config));
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  absl::StatusOr<checkpoint::TrainState> state = checkpoint::LoadState(file, path);
  if (!state.ok() || state->uncertainty.empty()) {
    return BadValue("experts", path,
                    "checkpoints of runs with gate.train_head and gate.calibrate: this one does "
                    "not say what its uncertainty heads usually find");
  }
  if (state->class_names != class_names)
    return BadValue("experts", path, "checkpoints with the classes of data.folder");
  train::Expert expert{path, std::move(trained.model), {}};
  for (const gate::GateAt& gate : expert.model->settings().gates)
    expert.usual.push_back(state->uncertainty[absl::StrCat(gate.layer)]);
  return expert;
}

// Accuracy on each of eval.domains (or data.domain), each image answered by the expert that finds
// it most usual.
absl::StatusOr<json> EvaluateExperts(const config::TrainConfig& config,
                                     const std::vector<std::string>& paths, int64_t together) {
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig shape, config::ResolveModel(config.model, 2));
  SLUICE_ASSIGN_OR_RETURN(const train::Datasets datasets,
                          train::OpenDatasets(config.data, shape.channels, shape.image_size, {}));
  std::vector<train::Expert> experts;
  for (const std::string& path : paths) {
    SLUICE_ASSIGN_OR_RETURN(train::Expert expert, LoadExpert(path, datasets.train->class_names()));
    experts.push_back(std::move(expert));
  }
  train::Router router(std::move(experts));
  SLUICE_ASSIGN_OR_RETURN(data::PipelineConfig pipeline, config::ResolvePipeline(config, false));
  SLUICE_ASSIGN_OR_RETURN(std::vector<data::Domain> domains, config::ResolveDomains(config));
  if (domains.empty()) domains.push_back(pipeline.domain);
  json result = {{"experts", paths}, {"domains", json::array()}};
  for (const data::Domain domain : domains) {
    pipeline.domain = domain;
    SLUICE_ASSIGN_OR_RETURN(
        const train::RoutedEvaluation found,
        train::EvaluateRouted(router, datasets.eval, pipeline,
                              (config.eval_batch + together - 1) / together * together, together));
    LogInfo(absl::StrFormat("domain %s: accuracy %.2f %%, images per expert %s",
                            data::DomainName(domain), 100 * found.accuracy,
                            absl::StrJoin(found.answered, " ")));
    result["domains"].push_back({{"domain", data::DomainName(domain)},
                                 {"accuracy", found.accuracy},
                                 {"images", found.images},
                                 {"answered", found.answered}});
  }
  return result;
}

}  // namespace

absl::Status Eval(const std::vector<std::string>& arguments) {
  std::string experts;
  int64_t together = 1;
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> parsed,
      ParseForTrainedModel("sluice-worker eval",
                           "Evaluates the weights of --model.init, densely and gated. A checkpoint "
                           "brings its configuration along; flags win over it",
                           arguments, [&experts, &together](OptionSet& options) {
                             options.Text("experts", &experts,
                                          "Further checkpoints, with commas: each image is "
                                          "answered by the one whose uncertainty heads find it "
                                          "most usual, --model.init's among them");
                             options.Integer("experts_together", &together, 1, 65536,
                                             "Images that follow each other and are from one "
                                             "source: one expert answers for all of them");
                           }));
  if (!parsed) return absl::OkStatus();
  const config::TrainConfig& config = *parsed;
  StartLog("eval", config.log_level);
  const auto processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(config.train.threads > 0 ? static_cast<int>(config.train.threads)
                                               : processors);
  model::SetGemm(config::ResolveGemm(config.compute));
  json result;
  absl::Status status;
  SLUICE_RETURN_IF_ERROR(dist::Guard("eval", [&] {
    absl::StatusOr<json> evaluated =
        experts.empty()
            ? EvaluateModes(config)
            : EvaluateExperts(config, absl::StrSplit(config.model.init + "," + experts, ','),
                              together);
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
