#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "worker/data/image.h"

namespace sluice::data {

// Longest side of a thumbnail in pixels: in the worst case, noise in three channels, its PNG has
// 27 KiB and a little.
inline constexpr int kThumbnailPixels = 96;

// `image`, with values in [0, 1], as the bytes of a PNG of at most kThumbnailPixels per side; a
// smaller image keeps its size. Of images with neither 1 nor 3 channels the first is shown.
absl::StatusOr<std::string> Thumbnail(const Image& image);

}  // namespace sluice::data
