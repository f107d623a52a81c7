#include "worker/train/token_maps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "worker/data/thumbnail.h"

namespace sluice::train {
namespace {

// Of the protocol.
constexpr int64_t kMostPerSide = 128;

// A batch's images as they were before normalisation.
std::vector<data::Image> Pictures(const torch::Tensor& images, const data::Normalization& by) {
  const torch::Tensor host = images.to(torch::kCPU, torch::kFloat).contiguous();
  std::vector<data::Image> pictures;
  for (int64_t i = 0; i < host.size(0); ++i) {
    data::Image image =
        data::Image::Zeros({static_cast<int>(host.size(1)), static_cast<int>(host.size(2)),
                            static_cast<int>(host.size(3))});
    const float* const from = host.data_ptr<float>() + i * image.shape().size();
    const size_t plane = image.pixels.size() / static_cast<size_t>(image.channels);
    for (size_t p = 0; p < image.pixels.size(); ++p) {
      const size_t channel = by.mean.size() > 1 ? p / plane : 0;
      const double value = by.mean.empty() ? from[p] : from[p] * by.std[channel] + by.mean[channel];
      image.pixels[p] = static_cast<float>(std::clamp(value, 0.0, 1.0));
    }
    pictures.push_back(std::move(image));
  }
  return pictures;
}

// Part `i` of equal parts of `length` values.
template <typename T>
std::vector<T> PartOf(const std::vector<T>& values, int64_t i, int64_t length) {
  const auto begin = values.begin() + i * length;
  return std::vector<T>(begin, begin + length);
}

void Send(telemetry::TokenMap map, const std::vector<data::Image>& pictures,
          telemetry::Publisher* publisher) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    absl::StatusOr<std::string> png = data::Thumbnail(pictures[i]);
    if (!png.ok()) {
      LogWarn(absl::StrCat("map of open patches of step ", map.step, ": ", png.status().message()));
      return;
    }
    map.images[i].thumbnail = *std::move(png);
  }
  publisher->Send(std::move(map));
}

}  // namespace

TokenMaps::TokenMaps(const config::TrainConfig* config, const model::VitConfig& shape,
                     const std::vector<std::string>& class_names, telemetry::Publisher* publisher)
    : config_(config), shape_(shape), class_names_(&class_names), publisher_(publisher) {}

bool TokenMaps::IsDue(int64_t step) const {
  if (config_->map_every == 0 || config_->sidecar == "off" || !config_->gate.decides() ||
      shape_.grid() > kMostPerSide) {
    return false;
  }
  return step % config_->map_every == 0 || step == config_->train.steps;
}

telemetry::TokenMap TokenMaps::Map(int64_t step, const ModelBatch& batch,
                                   const GateDecision& decision, int64_t images) const {
  telemetry::TokenMap map;
  map.step = static_cast<uint64_t>(step);
  map.rows = map.columns = static_cast<uint32_t>(shape_.grid());
  const torch::Tensor labels = batch.labels.slice(0, 0, images).cpu().contiguous();
  for (int64_t i = 0; i < images; ++i) {
    telemetry::TokenMapImage& image = map.images.emplace_back();
    image.image_id = batch.ids[i];
    const auto label = static_cast<size_t>(labels.data_ptr<int64_t>()[i]);
    if (label < class_names_->size()) image.label = (*class_names_)[label];
    for (size_t k = 0; k < decision.layers.size(); ++k) {
      const LayerDecision& layer = decision.layers[k];
      image.layers.push_back({static_cast<uint32_t>(config_->gate.layers[k]),
                              PartOf(layer.open, i, shape_.patches()),
                              PartOf(layer.scores, i, shape_.patches())});
    }
  }
  return map;
}

void TokenMaps::Take(int64_t step, const ModelBatch& batch, const GateDecision& decision) {
  const auto images = std::min(config_->map_images, static_cast<int64_t>(batch.ids.size()));
  if (images == 0 || decision.layers.empty()) return;
  if (sending_.valid()) sending_.wait();  // Of a map that is steps old.
  std::vector<data::Image> pictures =
      Pictures(batch.images.slice(0, 0, images), {config_->data.mean, config_->data.std});
  sending_ = std::async(std::launch::async, &Send, Map(step, batch, decision, images),
                        std::move(pictures), publisher_);
}

}  // namespace sluice::train
