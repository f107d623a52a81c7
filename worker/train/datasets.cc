#include "worker/train/datasets.h"

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/status.h"
#include "worker/data/idx_dataset.h"
#include "worker/data/image_folder.h"
#include "worker/data/resized.h"
#include "worker/data/subset.h"
#include "worker/legacy/legacy_folder.h"

namespace sluice::train {
namespace {

struct Input {
  int64_t channels;
  int64_t size;
};

absl::StatusOr<std::shared_ptr<const data::Dataset>> OpenSplit(
    const config::DataConfig& config, const Input& input, const std::string& split,
    const std::string& subset, const std::vector<std::string>& label_map) {
  std::shared_ptr<const data::Dataset> dataset;
  if (config.format == "idx") {
    SLUICE_ASSIGN_OR_RETURN(dataset, data::IdxDataset::Open(config.folder, split, label_map));
  } else {
    data::ImageFolderOptions options;
    options.read.channels = static_cast<int>(input.channels);
    options.read.size = static_cast<int>(input.size);
    for (size_t i = 0; i < label_map.size(); ++i)
      options.label_map[label_map[i]] = static_cast<int64_t>(i);
    const std::string folder = (std::filesystem::path(config.folder) / split).string();
    SLUICE_ASSIGN_OR_RETURN(dataset, data::ImageFolder::Open(folder, options));
  }
  if (config.resize) {
    const data::ImageShape wanted{static_cast<int>(input.channels), static_cast<int>(input.size),
                                  static_cast<int>(input.size)};
    absl::StatusOr<std::shared_ptr<const data::Dataset>> resized =
        data::Resized::Make(std::move(dataset), wanted);
    SLUICE_RETURN_IF_ERROR(Annotate(resized.status(), "data.resize"));
    dataset = *std::move(resized);
  }
  const data::ImageShape shape = dataset->shape();
  if (shape.channels != input.channels || shape.height != input.size || shape.width != input.size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "images of '", config.folder, "' split '", split, "' are ", shape.channels, "x",
        shape.height, "x", shape.width, ", expected the model's ", input.channels, "x", input.size,
        "x", input.size, " (model.preset, model.image_size; or data.resize)"));
  }
  return data::Subset::Make(std::move(dataset), subset);
}

}  // namespace

absl::StatusOr<Datasets> OpenDatasets(const config::DataConfig& config, int64_t channels,
                                      int64_t size, const std::vector<std::string>& label_map) {
  const Input input{channels, size};
  Datasets result;
  SLUICE_ASSIGN_OR_RETURN(
      result.train, OpenSplit(config, input, config.train_split, config.train_subset, label_map));
  SLUICE_ASSIGN_OR_RETURN(result.eval, OpenSplit(config, input, config.eval_split,
                                                 config.eval_subset, result.train->class_names()));
  return result;
}

absl::Status AddLegacy(const config::LegacyConfig& config, Datasets& datasets) {
  const std::vector<std::string>& classes = datasets.train->class_names();
  const data::ImageShape shape = datasets.train->shape();
  using legacy::LegacyKind;
  SLUICE_ASSIGN_OR_RETURN(
      datasets.probes, legacy::LoadLegacyFolder(config.folder, LegacyKind::kProbe, classes, shape));
  SLUICE_ASSIGN_OR_RETURN(
      datasets.buffers,
      legacy::LoadLegacyFolder(config.folder, LegacyKind::kBuffer, classes, shape));
  if (config.probe_every > 0 && datasets.probes.empty()) {
    return BadValue("probe.every", absl::StrCat(config.probe_every),
                    absl::StrCat("0: legacy.folder '", config.folder, "' has no probe"));
  }
  if (config.share > 0.0 && datasets.buffers.empty()) {
    return BadValue("rehearsal.share", absl::StrCat(config.share),
                    absl::StrCat("0: legacy.folder '", config.folder, "' has no buffer"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::train
