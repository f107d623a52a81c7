#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::data {

// Size of one image: channels, rows, columns.
struct ImageShape {
  int channels = 0;
  int height = 0;
  int width = 0;

  int64_t size() const { return int64_t{channels} * height * width; }
  bool operator==(const ImageShape&) const = default;
};

// One image in CHW order. Values lie in [0, 1] until normalisation. A plain value.
struct Image {
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<float> pixels;  // channels * height * width values.

  static Image Zeros(const ImageShape& shape) {
    return {shape.channels, shape.height, shape.width,
            std::vector<float>(static_cast<size_t>(shape.size()), 0.0f)};
  }
  ImageShape shape() const { return {channels, height, width}; }
  float& at(int c, int y, int x) { return pixels[Offset(c, y, x)]; }
  float at(int c, int y, int x) const { return pixels[Offset(c, y, x)]; }

 private:
  size_t Offset(int c, int y, int x) const {
    return (static_cast<size_t>(c) * static_cast<size_t>(height) + static_cast<size_t>(y)) *
               static_cast<size_t>(width) +
           static_cast<size_t>(x);
  }
};

}  // namespace sluice::data
