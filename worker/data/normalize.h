#pragma once

#include <vector>

#include "absl/status/status.h"
#include "worker/data/image.h"

namespace sluice::data {

// (x - mean) / std per channel. One value stands for all channels; none leaves images as they are.
struct Normalization {
  std::vector<double> mean;
  std::vector<double> std;

  bool operator==(const Normalization&) const = default;
};

// OK if `normalization` fits images of `channels` channels: as many means as deviations (none, one,
// or one per channel), all finite and deviations above 0. INVALID_ARGUMENT with key and value
// otherwise.
absl::Status ValidateNormalization(const Normalization& normalization, int channels);

// In place; `normalization` is valid for the image.
void Normalize(const Normalization& normalization, Image& image);

}  // namespace sluice::data
