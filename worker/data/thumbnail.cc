#include "worker/data/thumbnail.h"

#include <algorithm>

#include "worker/data/overlay.h"
#include "worker/data/resize.h"

namespace sluice::data {
namespace {

Image FirstChannel(const Image& image) {
  Image first = Image::Zeros({1, image.height, image.width});
  std::copy_n(image.pixels.begin(), first.pixels.size(), first.pixels.begin());
  return first;
}

}  // namespace

absl::StatusOr<std::string> Thumbnail(const Image& image) {
  if (image.channels != 1 && image.channels != 3) return Thumbnail(FirstChannel(image));
  const int longest = std::max(image.height, image.width);
  if (longest <= kThumbnailPixels) return ImageToPng(image);
  const auto shrunk = [longest](int pixels) {
    return std::max(1, (pixels * kThumbnailPixels + longest / 2) / longest);
  };
  return ImageToPng(
      Resize(image, shrunk(image.height), shrunk(image.width), ResizeFilter::kBilinear));
}

}  // namespace sluice::data
