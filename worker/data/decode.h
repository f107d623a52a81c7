#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/data/image.h"

namespace sluice::data {

// Largest image that is decoded, in pixels; a header that promises more is refused.
inline constexpr int64_t kMaxImagePixels = 100'000'000;

// Decodes JPEG (libturbojpeg) or PNG (libspng), told apart by their first bytes, into 1 channel
// (luma) or 3 (RGB, an alpha channel is ignored), values in [0, 1]. INVALID_ARGUMENT if the bytes
// are neither, are damaged or cut off, or hold too many pixels.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes, int channels);

}  // namespace sluice::data
