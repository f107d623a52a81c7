#include "worker/train/predict.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/commands/command.h"
#include "worker/commands/trained_model.h"
#include "worker/data/image_files.h"
#include "worker/data/overlay.h"
#include "worker/dist/process_group.h"
#include "worker/train/datasets.h"

namespace sluice::commands {
namespace {

using nlohmann::json;

// Pixels per side of an overlay, at least.
constexpr int kOverlayPixels = 224;

struct PredictOptions {
  std::string images;
  std::string overlays;
  int64_t top = 3;
};

// What is predicted, and what to call each image.
struct Input {
  std::shared_ptr<const data::Dataset> dataset;
  std::vector<std::string> names;
};

absl::StatusOr<Input> OpenInput(const TrainedModel& trained, const PredictOptions& options) {
  const model::VitConfig& vit = trained.model->vit()->config();
  Input input;
  if (!options.images.empty()) {
    data::ReadImageOptions read;
    read.channels = static_cast<int>(vit.channels);
    read.size = static_cast<int>(vit.image_size);
    SLUICE_ASSIGN_OR_RETURN(
        std::unique_ptr<data::ImageFiles> files,
        data::ImageFiles::Open(absl::StrSplit(options.images, ',', absl::SkipEmpty()), read));
    input.names = files->files();
    input.dataset = std::move(files);
    return input;
  }
  SLUICE_ASSIGN_OR_RETURN(
      const train::Datasets datasets,
      train::OpenDatasets(trained.config.data, vit.channels, vit.image_size, trained.class_names));
  input.dataset = datasets.eval;
  for (int64_t i = 0; i < input.dataset->size(); ++i) {
    input.names.push_back(absl::StrCat(trained.config.data.eval_split, "-", i));
  }
  return input;
}

json AnswerToJson(const train::Answer& answer, const std::vector<std::string>& classes, int64_t top,
                  int64_t grid) {
  std::vector<int64_t> order(answer.probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return answer.probabilities[a] > answer.probabilities[b];
  });
  order.resize(std::min<size_t>(order.size(), top));
  json result = {{"class", classes[order[0]]},
                 {"label", order[0]},
                 {"confidence", answer.probabilities[order[0]]},
                 {"top", json::array()}};
  for (const int64_t k : order) {
    result["top"].push_back({{"class", classes[k]}, {"confidence", answer.probabilities[k]}});
  }
  if (answer.open.empty()) return result;
  json map = json::array();
  for (int64_t row = 0; row < grid; ++row) {
    const auto begin = answer.open.begin() + row * grid;
    map.push_back(std::vector<int>(begin, begin + grid));
  }
  result["open"] = std::move(map);
  result["activation_rate"] =
      static_cast<double>(std::count(answer.open.begin(), answer.open.end(), uint8_t{1})) /
      static_cast<double>(answer.open.size());
  return result;
}

// The overlay of image `index`, named by its position: names of images may repeat.
absl::Status WriteOverlay(const Input& input, const data::PipelineConfig& pipeline, int64_t index,
                          const train::Answer& answer, const std::string& folder) {
  SLUICE_ASSIGN_OR_RETURN(const data::Sample sample, input.dataset->Get(index));
  const data::Image shown = data::Apply(pipeline.domain, sample.image, sample.id);
  SLUICE_ASSIGN_OR_RETURN(const std::string png, data::ImageToPng(data::DrawOpenPatches(
                                                     shown, answer.open, kOverlayPixels)));
  const std::string stem = std::filesystem::path(input.names[index]).stem().string();
  const std::string name = absl::StrFormat("%06d-%s.png", index, stem);
  return WriteFileAtomically((std::filesystem::path(folder) / name).string(), png);
}

absl::StatusOr<json> PredictAll(const config::TrainConfig& config, TrainedModel& trained,
                                const PredictOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const Input input, OpenInput(trained, options));
  SLUICE_ASSIGN_OR_RETURN(const data::PipelineConfig pipeline,
                          config::ResolvePipeline(config, false));
  SLUICE_RETURN_IF_ERROR(data::ValidatePipeline(pipeline, input.dataset->shape()));
  json images = json::array();
  for (const std::string& name : input.names) images.push_back({{"image", name}});
  const int64_t grid = trained.model->vit()->config().grid();
  for (const bool gated : {false, true}) {
    if (config.eval_mode != "both" && gated != (config.eval_mode == "gated")) continue;
    SLUICE_RETURN_IF_ERROR(train::Predict(
        *trained.model, input.dataset, pipeline, config.eval_batch, gated,
        static_cast<uint64_t>(config.train.seed), [&](int64_t index, const train::Answer& answer) {
          images[index][gated ? "gated" : "dense"] =
              AnswerToJson(answer, trained.class_names, options.top, grid);
          return gated && !options.overlays.empty()
                     ? WriteOverlay(input, pipeline, index, answer, options.overlays)
                     : absl::OkStatus();
        }));
  }
  return json{{"init", config.model.init},
              {"gate", {{"layer", config.gate.layers}, {"scorer", config.gate.scorer}}},
              {"classes", trained.class_names},
              {"images", std::move(images)}};
}

std::string Line(const json& image) {
  std::string line = image.at("image").get<std::string>();
  for (const char* mode : {"dense", "gated"}) {
    if (!image.contains(mode)) continue;
    const json& answer = image.at(mode);
    absl::StrAppend(&line, "  ", mode, ": ", answer.at("class").get<std::string>(),
                    absl::StrFormat(" %.1f %%", 100.0 * answer.at("confidence").get<double>()));
    if (answer.contains("activation_rate")) {
      absl::StrAppend(&line, absl::StrFormat(" (%.0f %% of patches open)",
                                             100.0 * answer.at("activation_rate").get<double>()));
    }
  }
  return line;
}

absl::Status Write(const json& result, const std::string& path) {
  const std::string text = result.dump(2, ' ', false, json::error_handler_t::replace);
  if (path == "-") {
    std::cout << text << std::endl;
    return absl::OkStatus();
  }
  for (const json& image : result.at("images")) std::cout << Line(image) << '\n';
  std::cout << std::flush;
  return path.empty() ? absl::OkStatus() : WriteFileAtomically(path, text);
}

}  // namespace

absl::Status Predict(const std::vector<std::string>& arguments) {
  PredictOptions predict;
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<config::TrainConfig> config,
      ParseForTrainedModel(
          "sluice-worker predict",
          "Classes, confidences and open patches of images, by the weights of --model.init. A "
          "checkpoint brings its configuration along; flags win over it",
          arguments, [&](OptionSet& options) {
            options.Text("images", &predict.images,
                         "JPEG and PNG files and folders, separated by commas; empty: data.folder");
            options.Text("overlays", &predict.overlays,
                         "Folder for PNGs of the images with closed patches darkened");
            options.Integer("top", &predict.top, 1, 1000, "Classes listed per image");
          }));
  if (!config) return absl::OkStatus();
  if (!predict.overlays.empty()) {
    if (config->eval_mode == "dense") {
      return absl::InvalidArgumentError(
          "overlays is given and eval.mode is 'dense', expected gated or both: without a gate no "
          "patch is closed");
    }
    SLUICE_RETURN_IF_ERROR(MakeFolder(predict.overlays));
  }
  json result;
  absl::Status status;
  // LibTorch reports by exceptions.
  SLUICE_RETURN_IF_ERROR(dist::Guard("predict", [&] {
    absl::StatusOr<TrainedModel> trained = LoadTrainedModel(*config);
    status = trained.status();
    if (!status.ok()) return;
    absl::StatusOr<json> predicted = PredictAll(*config, *trained, predict);
    status = predicted.status();
    if (predicted.ok()) result = *std::move(predicted);
  }));
  SLUICE_RETURN_IF_ERROR(status);
  return Write(result, config->json);
}

}  // namespace sluice::commands
