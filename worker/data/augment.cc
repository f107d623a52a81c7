#include "worker/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/philox.h"
#include "common/status.h"
#include "worker/data/resize.h"

namespace sluice::data {
namespace {

// One number per decision, so that switching one kind of augmentation on does not change another's
// draws.
enum Decision : uint32_t {
  kFlip,
  kPadTop,
  kPadLeft,
  kBrightness,
  kContrastFactor,
  kFirstCropTry = 16
};
constexpr uint32_t kCropTries = 10;

class Draws {
 public:
  Draws(uint64_t seed, int64_t epoch, uint64_t image_id)
      : seed_(seed), epoch_(static_cast<uint64_t>(epoch)), image_id_(image_id) {}
  double Uniform(uint32_t decision, double low, double high) const {
    return low +
           (high - low) * UniformDraw(seed_, DrawPurpose::kAugment, epoch_, image_id_, decision);
  }
  // A whole number in [0, last].
  int Whole(uint32_t decision, int last) const {
    return std::min(last, static_cast<int>(Uniform(decision, 0.0, last + 1.0)));
  }

 private:
  uint64_t seed_;
  uint64_t epoch_;
  uint64_t image_id_;
};

Image Flip(const Image& image) {
  Image result = image;
  for (auto row = result.pixels.begin(); row != result.pixels.end(); row += image.width) {
    std::reverse(row, row + image.width);
  }
  return result;
}

// The image moved by (-top, -left), zeros where nothing is left of it.
Image Shift(const Image& image, int top, int left) {
  Image result = Image::Zeros(image.shape());
  for (int c = 0; c < image.channels; ++c) {
    for (int y = std::max(0, -top); y < std::min(image.height, image.height - top); ++y) {
      for (int x = std::max(0, -left); x < std::min(image.width, image.width - left); ++x) {
        result.at(c, y, x) = image.at(c, y + top, x + left);
      }
    }
  }
  return result;
}

// As torchvision's RandomResizedCrop: up to ten tries at a rectangle that fits, else the whole.
Image ResizedCrop(const AugmentOptions& options, const Image& image, const Draws& draws) {
  const double area = static_cast<double>(image.height) * image.width;
  for (uint32_t i = 0; i < kCropTries; ++i) {
    const uint32_t first = kFirstCropTry + 4 * i;
    const double wanted = area * draws.Uniform(first, options.scale_low, options.scale_high);
    const double ratio = std::exp(
        draws.Uniform(first + 1, std::log(options.ratio_low), std::log(options.ratio_high)));
    const int width = static_cast<int>(std::lround(std::sqrt(wanted * ratio)));
    const int height = static_cast<int>(std::lround(std::sqrt(wanted / ratio)));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const int top = draws.Whole(first + 2, image.height - height);
    const int left = draws.Whole(first + 3, image.width - width);
    return Resize(Crop(image, top, left, height, width), image.height, image.width,
                  ResizeFilter::kBilinear);
  }
  return image;
}

void ScaleAround(float centre, float factor, Image& image) {
  for (float& pixel : image.pixels) {
    pixel = std::clamp(centre + factor * (pixel - centre), 0.0f, 1.0f);
  }
}

float Mean(const Image& image) {
  const double sum = std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
  return static_cast<float>(sum / static_cast<double>(image.pixels.size()));
}

absl::Status InRange(const char* key, double value, double low, double high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", value, ", expected a number in [", low, ", ", high, "]"));
}

}  // namespace

absl::Status ValidateAugment(const AugmentOptions& options) {
  SLUICE_RETURN_IF_ERROR(InRange("flip_probability", options.flip_probability, 0.0, 1.0));
  SLUICE_RETURN_IF_ERROR(InRange("crop_padding", options.crop_padding, 0, 4096));
  SLUICE_RETURN_IF_ERROR(InRange("scale_low", options.scale_low, 1e-4, 1.0));
  SLUICE_RETURN_IF_ERROR(InRange("scale_high", options.scale_high, options.scale_low, 1.0));
  SLUICE_RETURN_IF_ERROR(InRange("ratio_low", options.ratio_low, 0.01, 100.0));
  SLUICE_RETURN_IF_ERROR(InRange("ratio_high", options.ratio_high, options.ratio_low, 100.0));
  SLUICE_RETURN_IF_ERROR(InRange("brightness", options.brightness, 0.0, 1.0));
  return InRange("contrast", options.contrast, 0.0, 1.0);
}

Image Augment(const AugmentOptions& options, const Image& image, uint64_t seed, int64_t epoch,
              uint64_t image_id) {
  const Draws draws(seed, epoch, image_id);
  Image result = options.random_resized_crop ? ResizedCrop(options, image, draws) : image;
  if (const int padding = options.crop_padding; padding > 0) {
    result = Shift(result, draws.Whole(kPadTop, 2 * padding) - padding,
                   draws.Whole(kPadLeft, 2 * padding) - padding);
  }
  if (draws.Uniform(kFlip, 0.0, 1.0) < options.flip_probability) result = Flip(result);
  if (const double b = options.brightness; b > 0.0) {
    ScaleAround(0.0f, static_cast<float>(draws.Uniform(kBrightness, 1.0 - b, 1.0 + b)), result);
  }
  if (const double c = options.contrast; c > 0.0) {
    ScaleAround(Mean(result), static_cast<float>(draws.Uniform(kContrastFactor, 1.0 - c, 1.0 + c)),
                result);
  }
  return result;
}

}  // namespace sluice::data
