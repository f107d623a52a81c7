#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/bad_value.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/legacy/choose.h"
#include "worker/legacy/collect.h"
#include "worker/legacy/legacy_folder.h"
#include "worker/train/datasets.h"
#include "worker/train/describe_legacy.h"
#include "worker/train/ewc.h"

namespace sluice::commands {
namespace {

struct RegisterConfig {
  std::string name;
  std::string output;
  int64_t probe_images = 1000;
  int64_t buffer_images = 400;
  int64_t fisher_images = 0;
  std::string select = "reservoir";
};

class Registration {
 public:
  Registration(const RegisterConfig& config, TrainedModel& trained)
      : config_(config), trained_(trained) {}

  absl::Status Write() {
    const config::TrainConfig& train = trained_.config;
    SLUICE_ASSIGN_OR_RETURN(pipeline_, config::ResolvePipeline(train, false));
    const model::VitConfig& vit = trained_.model->vit()->config();
    SLUICE_ASSIGN_OR_RETURN(
        const train::Datasets datasets,
        train::OpenDatasets(train.data, vit.channels, vit.image_size, trained_.class_names));
    SLUICE_RETURN_IF_ERROR(data::ValidatePipeline(pipeline_, datasets.eval->shape()));
    SLUICE_RETURN_IF_ERROR(MakeFolder(config_.output));
    if (config_.probe_images > 0) SLUICE_RETURN_IF_ERROR(WriteProbe(*datasets.eval));
    if (config_.fisher_images > 0) {
      const std::string path =
          (std::filesystem::path(config_.output) / (config_.name + ".fisher.safetensors")).string();
      SLUICE_RETURN_IF_ERROR(train::WriteFisher(path, *trained_.model, *datasets.train, pipeline_,
                                                config_.fisher_images));
    }
    if (config_.buffer_images > 0) SLUICE_RETURN_IF_ERROR(WriteBuffer(*datasets.train));
    return absl::OkStatus();
  }

 private:
  uint64_t seed() const { return static_cast<uint64_t>(trained_.config.train.seed); }

  absl::Status Describe(legacy::LegacySet& set, std::vector<float>* features) {
    return train::DescribeLegacy(*trained_.model, pipeline_, trained_.config.eval_batch, set,
                                 features);
  }

  absl::Status Save(const legacy::LegacySet& set, legacy::LegacyKind kind, const char* what) {
    const std::string path = legacy::LegacyPath(config_.output, config_.name, kind);
    SLUICE_RETURN_IF_ERROR(legacy::SaveLegacySet(path, set));
    LogInfo(absl::StrFormat("%s '%s': %d images, loss %.4f, accuracy %.2f %%, in '%s'", what,
                            set.name, set.size(), set.baseline_loss(),
                            100 * set.baseline_accuracy(), path));
    return absl::OkStatus();
  }

  absl::Status WriteProbe(const data::Dataset& images) {
    SLUICE_ASSIGN_OR_RETURN(const legacy::LegacySet all,
                            legacy::Collect(images, pipeline_.domain, config_.name));
    legacy::LegacySet set =
        legacy::Take(all, legacy::ChooseReservoir(all.size(), config_.probe_images, seed()));
    SLUICE_RETURN_IF_ERROR(Describe(set, nullptr));
    return Save(set, legacy::LegacyKind::kProbe, "probe");
  }

  absl::Status WriteBuffer(const data::Dataset& images) {
    SLUICE_ASSIGN_OR_RETURN(legacy::LegacySet all,
                            legacy::Collect(images, pipeline_.domain, config_.name));
    legacy::LegacySet set;
    if (config_.select == "herding") {
      std::vector<float> features;
      SLUICE_RETURN_IF_ERROR(Describe(all, &features));
      set = legacy::Take(all, legacy::ChooseHerding(features, all.labels, config_.buffer_images));
    } else {
      set = legacy::Take(all, legacy::ChooseReservoir(all.size(), config_.buffer_images, seed()));
      SLUICE_RETURN_IF_ERROR(Describe(set, nullptr));
    }
    return Save(set, legacy::LegacyKind::kBuffer, "buffer");
  }

  const RegisterConfig& config_;
  TrainedModel& trained_;
  data::PipelineConfig pipeline_;
};

}  // namespace

absl::Status Register(const std::vector<std::string>& arguments) {
  RegisterConfig config;
  const auto define = [&config](OptionSet& o) {
    o.Text("name", &config.name, "Name of the domain, of A-Za-z0-9._-");
    o.Text("output", &config.output, "Folder of probes and buffers: legacy.folder of later runs");
    o.Integer("probe_images", &config.probe_images, 0, 10'000'000,
              "Images of the evaluation split in the probe; 0: no probe");
    o.Integer("buffer_images", &config.buffer_images, 0, 10'000'000,
              "Images of the training split in the rehearsal buffer; 0: no buffer");
    o.Integer(
        "fisher_images", &config.fisher_images, 0, 10'000'000,
        "Images of the training split from which ewc.lambda learns what each weight is worth; 0: "
        "none");
    o.Choice("select", &config.select, {"reservoir", "herding"},
             "Which images the buffer keeps: any, or those nearest to their class's mean feature");
  };
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> parsed,
      ParseForTrainedModel("sluice-worker register",
                           "Keeps what later runs need to not forget the domain that the "
                           "checkpoint --model.init has learnt: a probe and a rehearsal buffer",
                           arguments, define));
  if (!parsed) return absl::OkStatus();
  StartLog("register", parsed->log_level);
  if (!legacy::IsLegacyName(config.name))
    return BadValue("name", absl::StrCat("'", config.name, "'"), "1 to 64 of A-Za-z0-9._-");
  if (config.output.empty()) return BadValue("output", "", "a folder to write to");
  absl::Status status;
  SLUICE_RETURN_IF_ERROR(dist::Guard("register", [&] {
    absl::StatusOr<TrainedModel> trained = LoadTrainedModel(*parsed);
    status = trained.ok() ? Registration(config, *trained).Write() : trained.status();
  }));
  return status;
}

}  // namespace sluice::commands
