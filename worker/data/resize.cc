#include "worker/data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/status.h"

namespace sluice::data {
namespace {

double Weight(ResizeFilter filter, double x) {
  x = std::fabs(x);
  if (filter == ResizeFilter::kBilinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

// What one output position takes from the inputs [first, first + weights.size()).
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> MakeTaps(int in, int out, ResizeFilter filter) {
  const double scale = static_cast<double>(in) / out;
  const double widening = std::max(scale, 1.0);
  const double support = (filter == ResizeFilter::kBilinear ? 1.0 : 2.0) * widening;
  std::vector<Taps> taps(static_cast<size_t>(out));
  for (int o = 0; o < out; ++o) {
    const double centre = (o + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(in, static_cast<int>(centre + support + 0.5));
    Taps& tap = taps[static_cast<size_t>(o)];
    tap.first = first;
    double sum = 0.0;
    for (int i = first; i < end; ++i) {
      const double w = Weight(filter, (i - centre + 0.5) / widening);
      tap.weights.push_back(static_cast<float>(w));
      sum += w;
    }
    for (float& w : tap.weights) w = static_cast<float>(w / sum);
  }
  return taps;
}

Image ResizeWidth(const Image& image, int width, ResizeFilter filter) {
  const std::vector<Taps> taps = MakeTaps(image.width, width, filter);
  Image result = Image::Zeros({image.channels, image.height, width});
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < width; ++x) {
        const Taps& tap = taps[static_cast<size_t>(x)];
        float sum = 0.0f;
        for (size_t i = 0; i < tap.weights.size(); ++i) {
          sum += tap.weights[i] * image.at(c, y, tap.first + static_cast<int>(i));
        }
        result.at(c, y, x) = sum;
      }
    }
  }
  return result;
}

Image ResizeHeight(const Image& image, int height, ResizeFilter filter) {
  const std::vector<Taps> taps = MakeTaps(image.height, height, filter);
  Image result = Image::Zeros({image.channels, height, image.width});
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      const Taps& tap = taps[static_cast<size_t>(y)];
      for (size_t i = 0; i < tap.weights.size(); ++i) {
        const float w = tap.weights[i];
        for (int x = 0; x < image.width; ++x) {
          result.at(c, y, x) += w * image.at(c, tap.first + static_cast<int>(i), x);
        }
      }
    }
  }
  return result;
}

}  // namespace

Image Crop(const Image& image, int top, int left, int height, int width) {
  SLUICE_CHECK(top >= 0 && left >= 0 && top + height <= image.height &&
               left + width <= image.width);
  Image result = Image::Zeros({image.channels, height, width});
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) result.at(c, y, x) = image.at(c, top + y, left + x);
    }
  }
  return result;
}

Image Resize(const Image& image, int height, int width, ResizeFilter filter) {
  if (height == image.height && width == image.width) return image;
  Image result = ResizeHeight(ResizeWidth(image, width, filter), height, filter);
  for (float& pixel : result.pixels) pixel = std::clamp(pixel, 0.0f, 1.0f);
  return result;
}

Image ResizeAndCrop(const Image& image, int size, double crop_fraction, ResizeFilter filter) {
  const int side = std::max(size, static_cast<int>(std::floor(size / crop_fraction)));
  const int shorter = std::min(image.height, image.width);
  const auto scaled = [&](int n) {
    return n == shorter ? side : static_cast<int>(int64_t{side} * n / shorter);
  };
  const Image resized = Resize(image, scaled(image.height), scaled(image.width), filter);
  const auto start = [&](int n) { return static_cast<int>(std::lround((n - size) / 2.0)); };
  return Crop(resized, start(resized.height), start(resized.width), size, size);
}

}  // namespace sluice::data
