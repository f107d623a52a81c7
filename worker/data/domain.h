#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/image.h"

namespace sluice::data {

// A shift of the image domain, by which a benchmark makes a new domain out of a known one.
enum class Domain { kNone, kInvert, kRotate90, kNoise, kBlur, kContrast, kFlipShift };

// The names that ParseDomain accepts: none, invert, rotate90, noise, blur, contrast, flip_shift.
const std::vector<std::string>& DomainNames();

// INVALID_ARGUMENT that names the value and the names accepted.
absl::StatusOr<Domain> ParseDomain(const std::string& name);
std::string DomainName(Domain domain);

// The shifted image, of the same values each time for the same arguments. Values of `image` lie in
// [0, 1] and so do the result's.
// - invert: 1 - x.
// - rotate90: counter-clockwise by 90 degrees; height and width change places.
// - noise: plus Gaussian noise of standard deviation 0.3, clamped; drawn from the image's id.
// - blur: Gaussian of width / 28 pixels, edges repeated.
// - contrast: 0.3 of the distance to the image's mean.
// - flip_shift: mirrored left to right, then moved right and down by a seventh of the width, zeros
//   behind it.
Image Apply(Domain domain, const Image& image, uint64_t image_id);

}  // namespace sluice::data
