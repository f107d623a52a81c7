#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "worker/data/image.h"

namespace sluice::data {

// `image` enlarged to at least `least_pixels` per side (each pixel becomes a square), with the
// patches that the gate closed darkened. `open` has one value per patch of a square grid, in rows;
// the grid divides the image's sides. Values in [0, 1].
Image DrawOpenPatches(const Image& image, std::span<const uint8_t> open, int least_pixels);

// An image of 1 or 3 channels with values in [0, 1] as the bytes of a PNG file, 8 bits per channel.
absl::StatusOr<std::string> ImageToPng(const Image& image);

}  // namespace sluice::data
