#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/philox.h"
#include "worker/data/dataset.h"

namespace sluice::train::testing {

// Images of 2 x 12 x 12 whose pixels depend on their id, in five classes.
class PatternDataset : public data::Dataset {
 public:
  explicit PatternDataset(std::vector<uint64_t> ids) : ids_(std::move(ids)) {}

  int64_t size() const override { return static_cast<int64_t>(ids_.size()); }
  data::ImageShape shape() const override { return {2, 12, 12}; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  absl::StatusOr<data::Sample> Get(int64_t index) const override {
    data::Sample sample{data::Image::Zeros(shape()), 0, ids_[index]};
    sample.label = static_cast<int64_t>(sample.id % 5);
    for (size_t i = 0; i < sample.image.pixels.size(); ++i) {
      sample.image.pixels[i] = static_cast<float>(
          UniformDraw(77, DrawPurpose::kInit, 0, sample.id, static_cast<uint32_t>(i)));
    }
    return sample;
  }

 private:
  std::vector<uint64_t> ids_;
  std::vector<std::string> class_names_ = {"a", "b", "c", "d", "e"};
};

}  // namespace sluice::train::testing
