#include "worker/data/overlay.h"

#include <spng.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {
namespace {

// What is left of a closed patch's brightness: enough to see what it was.
constexpr float kClosedBrightness = 0.3f;

std::vector<uint8_t> Interleave(const Image& image) {
  std::vector<uint8_t> bytes;
  bytes.reserve(image.pixels.size());
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        bytes.push_back(
            static_cast<uint8_t>(std::lround(255.0f * std::clamp(image.at(c, y, x), 0.0f, 1.0f))));
      }
    }
  }
  return bytes;
}

}  // namespace

Image DrawOpenPatches(const Image& image, std::span<const uint8_t> open, int least_pixels) {
  const int grid = static_cast<int>(std::lround(std::sqrt(static_cast<double>(open.size()))));
  SLUICE_CHECK(grid >= 1 && static_cast<size_t>(grid) * static_cast<size_t>(grid) == open.size());
  SLUICE_CHECK(image.height % grid == 0 && image.width % grid == 0);
  const int shorter = std::min(image.height, image.width);
  const int scale = std::max(1, (least_pixels + shorter - 1) / shorter);
  const int patch_height = image.height / grid, patch_width = image.width / grid;
  Image result = Image::Zeros({image.channels, image.height * scale, image.width * scale});
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < result.height; ++y) {
      for (int x = 0; x < result.width; ++x) {
        const int from_y = y / scale, from_x = x / scale;
        const size_t patch =
            static_cast<size_t>(from_y / patch_height * grid + from_x / patch_width);
        result.at(c, y, x) = image.at(c, from_y, from_x) * (open[patch] ? 1.0f : kClosedBrightness);
      }
    }
  }
  return result;
}

absl::StatusOr<std::string> ImageToPng(const Image& image) {
  SLUICE_CHECK(image.channels == 1 || image.channels == 3);
  const std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> context(spng_ctx_new(SPNG_CTX_ENCODER),
                                                                    &spng_ctx_free);
  if (context == nullptr) return absl::ResourceExhaustedError("PNG encoder: out of memory");
  spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(image.width);
  header.height = static_cast<uint32_t>(image.height);
  header.bit_depth = 8;
  header.color_type = image.channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
  int code = spng_set_ihdr(context.get(), &header);
  const std::vector<uint8_t> bytes = Interleave(image);
  if (code == 0) {
    code = spng_encode_image(context.get(), bytes.data(), bytes.size(), SPNG_FMT_PNG,
                             SPNG_ENCODE_FINALIZE);
  }
  size_t size = 0;
  const std::unique_ptr<void, decltype(&std::free)> png(
      code == 0 ? spng_get_png_buffer(context.get(), &size, &code) : nullptr, &std::free);
  if (png == nullptr) return absl::InternalError(absl::StrCat("PNG: ", spng_strerror(code)));
  return std::string(static_cast<const char*>(png.get()), size);
}

}  // namespace sluice::data
