#include "worker/data/domain.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/philox.h"

namespace sluice::data {
namespace {

constexpr float kNoiseSigma = 0.3f;
constexpr double kBlurSigmaShare = 1.0 / 28.0;
constexpr float kContrast = 0.3f;
constexpr int kShiftDivisor = 7;
// Domains do not follow the run's seed: a domain is the same data in every run.
constexpr uint64_t kDomainSeed = 0;

Image Invert(const Image& image) {
  Image result = image;
  for (float& pixel : result.pixels) pixel = 1.0f - pixel;
  return result;
}

Image Rotate90(const Image& image) {
  Image result = Image::Zeros({image.channels, image.width, image.height});
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < result.height; ++y) {
      for (int x = 0; x < result.width; ++x) {
        result.at(c, y, x) = image.at(c, x, image.width - 1 - y);
      }
    }
  }
  return result;
}

Image AddNoise(const Image& image, uint64_t image_id) {
  Image result = image;
  for (size_t i = 0; i < result.pixels.size(); ++i) {
    const double draw = NormalDraw(kDomainSeed, DrawPurpose::kDomain, image_id, i, 0);
    result.pixels[i] =
        std::clamp(result.pixels[i] + kNoiseSigma * static_cast<float>(draw), 0.0f, 1.0f);
  }
  return result;
}

std::vector<float> GaussianWeights(double sigma) {
  const int radius = std::max(1, static_cast<int>(std::ceil(3.0 * sigma)));
  std::vector<float> weights(static_cast<size_t>(2 * radius + 1));
  double sum = 0.0;
  for (int i = -radius; i <= radius; ++i) sum += std::exp(-0.5 * i * i / (sigma * sigma));
  for (int i = -radius; i <= radius; ++i) {
    weights[static_cast<size_t>(i + radius)] =
        static_cast<float>(std::exp(-0.5 * i * i / (sigma * sigma)) / sum);
  }
  return weights;
}

// One pass of the separable blur, along a row (step_x = 1) or a column (step_x = 0).
Image BlurAlong(const Image& image, const std::vector<float>& weights, int step_x) {
  Image result = Image::Zeros(image.shape());
  const int radius = static_cast<int>(weights.size()) / 2;
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        float sum = 0.0f;
        for (int i = -radius; i <= radius; ++i) {
          const int from_y = std::clamp(y + (1 - step_x) * i, 0, image.height - 1);
          const int from_x = std::clamp(x + step_x * i, 0, image.width - 1);
          sum += weights[static_cast<size_t>(i + radius)] * image.at(c, from_y, from_x);
        }
        result.at(c, y, x) = std::clamp(sum, 0.0f, 1.0f);
      }
    }
  }
  return result;
}

Image Blur(const Image& image) {
  const std::vector<float> weights = GaussianWeights(image.width * kBlurSigmaShare);
  return BlurAlong(BlurAlong(image, weights, 1), weights, 0);
}

Image ReduceContrast(const Image& image) {
  Image result = image;
  const double sum = std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0);
  const auto mean = static_cast<float>(sum / static_cast<double>(image.pixels.size()));
  for (float& pixel : result.pixels) {
    pixel = std::clamp(mean + kContrast * (pixel - mean), 0.0f, 1.0f);
  }
  return result;
}

Image FlipShift(const Image& image) {
  Image result = Image::Zeros(image.shape());
  const int shift = image.width / kShiftDivisor;
  for (int c = 0; c < image.channels; ++c) {
    for (int y = shift; y < image.height; ++y) {
      for (int x = shift; x < image.width; ++x) {
        result.at(c, y, x) = image.at(c, y - shift, image.width - 1 - (x - shift));
      }
    }
  }
  return result;
}

}  // namespace

const std::vector<std::string>& DomainNames() {
  // In the order of the enumeration.
  static const std::vector<std::string>& names = *new std::vector<std::string>{
      "none", "invert", "rotate90", "noise", "blur", "contrast", "flip_shift"};
  return names;
}

absl::StatusOr<Domain> ParseDomain(const std::string& name) {
  const auto it = std::find(DomainNames().begin(), DomainNames().end(), name);
  if (it != DomainNames().end()) return static_cast<Domain>(it - DomainNames().begin());
  return absl::InvalidArgumentError(
      absl::StrCat("domain is '", name, "', expected one of ", absl::StrJoin(DomainNames(), ", ")));
}

std::string DomainName(Domain domain) { return DomainNames()[static_cast<size_t>(domain)]; }

Image Apply(Domain domain, const Image& image, uint64_t image_id) {
  switch (domain) {
    case Domain::kNone:
      return image;
    case Domain::kInvert:
      return Invert(image);
    case Domain::kRotate90:
      return Rotate90(image);
    case Domain::kNoise:
      return AddNoise(image, image_id);
    case Domain::kBlur:
      return Blur(image);
    case Domain::kContrast:
      return ReduceContrast(image);
    case Domain::kFlipShift:
      return FlipShift(image);
  }
  return image;
}

}  // namespace sluice::data
