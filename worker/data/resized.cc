#include "worker/data/resized.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "worker/data/resize.h"

namespace sluice::data {

absl::StatusOr<std::shared_ptr<const Dataset>> Resized::Make(std::shared_ptr<const Dataset> base,
                                                             const ImageShape& shape) {
  const ImageShape from = base->shape();
  const bool square = shape.height == shape.width && from.height == from.width && shape.height > 0;
  if (!square || (from.channels != shape.channels && from.channels != 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("images of ", from.channels, "x", from.height, "x", from.width,
                     " cannot become ones of ", shape.channels, "x", shape.height, "x", shape.width,
                     ", expected squares of equally many channels, or grey ones"));
  }
  return std::shared_ptr<const Dataset>(new Resized(std::move(base), shape));
}

absl::StatusOr<Sample> Resized::Get(int64_t index) const {
  SLUICE_ASSIGN_OR_RETURN(Sample sample, base_->Get(index));
  sample.image = Resize(sample.image, shape_.height, shape_.width, ResizeFilter::kBicubic);
  if (sample.image.channels == shape_.channels) return sample;
  const std::vector<float> grey = std::move(sample.image.pixels);
  sample.image.pixels.clear();
  for (int c = 0; c < shape_.channels; ++c) {
    sample.image.pixels.insert(sample.image.pixels.end(), grey.begin(), grey.end());
  }
  sample.image.channels = shape_.channels;
  return sample;
}

}  // namespace sluice::data
