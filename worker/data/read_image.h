#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/data/image.h"
#include "worker/data/resize.h"

namespace sluice::data {

// How a JPEG or PNG file becomes an input of the model.
struct ReadImageOptions {
  int channels = 3;              // 1 (luma) or 3 (RGB).
  int size = 224;                // Pixels per side of the result.
  double crop_fraction = 0.875;  // See ResizeAndCrop.
  ResizeFilter filter = ResizeFilter::kBicubic;
};

// INVALID_ARGUMENT that names the option, its value and its range.
absl::Status CheckReadImageOptions(const ReadImageOptions& options);

// Whether a file's name ends as one of an image does: .jpg, .jpeg or .png in any case.
bool IsImageName(const std::string& path);

// The image at `path`, size x size pixels. The error names the file: the system's if it cannot be
// read, INVALID_ARGUMENT if it does not decode or is 64 times as long as wide or more (the long
// side is resized before it is cropped, so it would cost memory without limit). `options` are
// valid.
absl::StatusOr<Image> ReadImage(const std::string& path, const ReadImageOptions& options);

// The same of a file's bytes; the error names no file.
absl::StatusOr<Image> ImageFromBytes(absl::string_view bytes, const ReadImageOptions& options);

}  // namespace sluice::data
