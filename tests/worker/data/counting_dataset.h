#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/data/dataset.h"

namespace sluice::data {

// Image i is filled with i / 1000, has label i % 3 and id 100 + i.
class CountingDataset : public Dataset {
 public:
  explicit CountingDataset(int64_t size, ImageShape shape = {1, 2, 2})
      : size_(size), shape_(shape) {}
  int64_t size() const override { return size_; }
  ImageShape shape() const override { return shape_; }
  const std::vector<std::string>& class_names() const override { return names_; }
  absl::StatusOr<Sample> Get(int64_t index) const override {
    SLUICE_RETURN_IF_ERROR(CheckIndex(index));
    if (index == bad_index) return absl::DataLossError(absl::StrCat("image ", index, " is bad"));
    Sample sample{Image::Zeros(shape_), index % 3, static_cast<uint64_t>(100 + index)};
    for (float& pixel : sample.image.pixels) pixel = static_cast<float>(index) / 1000.0f;
    return sample;
  }

  int64_t bad_index = -1;

 private:
  int64_t size_;
  ImageShape shape_;
  std::vector<std::string> names_ = {"a", "b", "c"};
};

// An image without two equal pixels.
inline Image Ramp(ImageShape shape) {
  Image image = Image::Zeros(shape);
  const auto count = static_cast<float>(image.pixels.size());
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<float>(i) / count;
  }
  return image;
}

}  // namespace sluice::data
