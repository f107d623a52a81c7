#include "sidecar/wire/token_map.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/counters.h"
#include "common/status.h"
#include "sidecar/engine/refusal.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/counters.h"

namespace sluice::sidecar {
namespace {

// Not CheckInteger, whose refusals stand for numbers that went wrong in the training.
absl::Status CheckCount(const std::string& field, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Refuse(RefusalReason::kMalformed,
                absl::StrCat("token_map.", field, " is ", value, ", expected ", low, " to ", high));
}

uint32_t BigEndian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

absl::Status CheckThumbnail(const std::string& field, const std::string& png) {
  SLUICE_RETURN_IF_ERROR(CheckLength("token_map." + field, png, kMostThumbnailBytes));
  // Signature, then the chunk IHDR, which begins with width and height.
  constexpr absl::string_view kStart("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
  if (png.size() < kStart.size() + 8 || !absl::StartsWith(png, kStart)) {
    return Refuse(RefusalReason::kMalformed, absl::StrCat("token_map.", field, " is not a PNG"));
  }
  SLUICE_RETURN_IF_ERROR(
      CheckCount(field + ": width", BigEndian(png, kStart.size()), 1, kMostThumbnailPixels));
  return CheckCount(field + ": height", BigEndian(png, kStart.size() + 4), 1, kMostThumbnailPixels);
}

absl::Status CheckLayers(const std::string& image, const v1::TokenMapImage& map, uint64_t patches) {
  SLUICE_RETURN_IF_ERROR(
      CheckCount(image + ".layers: number", map.layers_size(), 1, kMaxGateLayers));
  uint32_t before = 0;
  for (int k = 0; k < map.layers_size(); ++k) {
    const v1::TokenMapLayer& layer = map.layers(k);
    const std::string field = absl::StrCat(image, ".layers[", k, "]");
    SLUICE_RETURN_IF_ERROR(CheckCount(field + ".layer", layer.layer(), before + 1, kMaxLayer));
    before = layer.layer();
    const uint64_t bytes = (patches + 7) / 8;
    SLUICE_RETURN_IF_ERROR(CheckCount(field + ".open: length", layer.open().size(), bytes, bytes));
    SLUICE_RETURN_IF_ERROR(
        CheckCount(field + ".scores: length", layer.scores().size(), patches, patches));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTokenMap(const v1::TokenMap& map, uint32_t rank) {
  SLUICE_RETURN_IF_ERROR(CheckCount("rank", rank, 0, 0));
  SLUICE_RETURN_IF_ERROR(CheckCount("step", map.step(), 1, kMaxCount));
  SLUICE_RETURN_IF_ERROR(CheckCount("rows", map.rows(), 1, kMostMapSide));
  SLUICE_RETURN_IF_ERROR(CheckCount("columns", map.columns(), 1, kMostMapSide));
  SLUICE_RETURN_IF_ERROR(CheckCount("images: number", map.images_size(), 1, kMostMapImages));
  for (int i = 0; i < map.images_size(); ++i) {
    const v1::TokenMapImage& image = map.images(i);
    const std::string field = absl::StrCat("images[", i, "]");
    SLUICE_RETURN_IF_ERROR(
        CheckLength("token_map." + field + ".label", image.label(), kMostMapLabelBytes));
    SLUICE_RETURN_IF_ERROR(CheckThumbnail(field + ".thumbnail", image.thumbnail()));
    SLUICE_RETURN_IF_ERROR(
        CheckLayers(field, image, uint64_t{map.rows()} * uint64_t{map.columns()}));
  }
  return absl::OkStatus();
}

absl::Status CheckTokenMapJson(const std::string& json) {
  v1::TokenMap map;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &map);
  if (status.ok()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a map of open patches cannot be read: ", std::string(status.message())));
}

}  // namespace sluice::sidecar
