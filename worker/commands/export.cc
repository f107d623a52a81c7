#include <iostream>

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/model/adapter_file.h"
#include "worker/model/weights.h"

namespace sluice::commands {
namespace {

struct ExportConfig {
  std::string what = "merged";
  std::string output;
};

absl::Status Write(const ExportConfig& config, TrainedModel& trained) {
  model::Vit& vit = trained.model->vit();
  if (config.what == "merged") {
    model::MergeAdapters(vit);
    return model::SaveWeights(config.output, vit, {{"format", "pt"}});
  }
  const config::AdaptersConfig& adapters = trained.config.adapters;
  if (adapters.kind == "none") {
    return BadValue("what", config.what, "merged: the model has no adapters (adapters.kind none)");
  }
  return model::SaveAdapters(config.output, config::ResolveAdapters(adapters), vit);
}

}  // namespace

absl::Status Export(const std::vector<std::string>& arguments) {
  ExportConfig config;
  const auto define = [&config](OptionSet& options) {
    options.Choice("what", &config.what, {"merged", "adapters"},
                   "Plain weights with timm's names, or a folder of adapters in PEFT's layout");
    options.Text("output", &config.output, "File of the weights, or folder of the adapters");
  };
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> parsed,
      ParseForTrainedModel("sluice-worker export",
                           "Writes what the checkpoint --model.init has learnt for other programs",
                           arguments, define));
  if (!parsed) return absl::OkStatus();
  StartLog("export", parsed->log_level);
  if (config.output.empty()) return BadValue("output", "", "a path to write to");
  absl::Status status;
  SLUICE_RETURN_IF_ERROR(dist::Guard("export", [&] {
    absl::StatusOr<TrainedModel> trained = LoadTrainedModel(*parsed);
    status = trained.ok() ? Write(config, *trained) : trained.status();
  }));
  SLUICE_RETURN_IF_ERROR(status);
  LogInfo(
      absl::StrCat(config.what, " of '", parsed->model.init, "' written to '", config.output, "'"));
  return absl::OkStatus();
}

}  // namespace sluice::commands
