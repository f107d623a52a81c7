#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "worker/data/image.h"

namespace sluice::data {

// Ordinary augmentation of training images. The default changes nothing, which is what an
// evaluation uses.
struct AugmentOptions {
  // Chance of a mirror image, in [0, 1].
  double flip_probability = 0.0;
  // Zeros around the image before a crop of its own size at a random place; 0 is off.
  int crop_padding = 0;
  // A part of the image, resized to its own size: the share of the area in [scale_low, scale_high]
  // and the ratio of width to height in [ratio_low, ratio_high], log-uniform.
  bool random_resized_crop = false;
  double scale_low = 0.08;
  double scale_high = 1.0;
  double ratio_low = 0.75;
  double ratio_high = 4.0 / 3.0;
  // Values are multiplied by a factor in [1 - brightness, 1 + brightness]; in [0, 1].
  double brightness = 0.0;
  // Distances to the image's mean are multiplied by a factor in [1 - contrast, 1 + contrast]; in
  // [0, 1].
  double contrast = 0.0;

  bool operator==(const AugmentOptions&) const = default;
};

// INVALID_ARGUMENT with key, value and range if an option is out of range.
absl::Status ValidateAugment(const AugmentOptions& options);

// The augmented image, of the same shape. Depends on the arguments only: on any number of ranks and
// after a resume an image looks the same in the same epoch. Values stay in [0, 1]. `options` are
// valid.
Image Augment(const AugmentOptions& options, const Image& image, uint64_t seed, int64_t epoch,
              uint64_t image_id);

}  // namespace sluice::data
