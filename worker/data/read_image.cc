#include "worker/data/read_image.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/data/decode.h"

namespace sluice::data {
namespace {

constexpr int kMaxAspect = 64;

}  // namespace

absl::Status CheckReadImageOptions(const ReadImageOptions& options) {
  if (options.channels != 1 && options.channels != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("channels is ", options.channels, ", expected 1 or 3"));
  }
  if (options.size < 1 || options.size > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("image size is ", options.size, ", expected one in [1, 4096]"));
  }
  if (!(options.crop_fraction > 0.0 && options.crop_fraction <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("crop fraction is ", options.crop_fraction, ", expected one in (0, 1]"));
  }
  return absl::OkStatus();
}

bool IsImageName(const std::string& path) {
  const std::string end = absl::AsciiStrToLower(std::filesystem::path(path).extension().string());
  return end == ".jpg" || end == ".jpeg" || end == ".png";
}

absl::StatusOr<Image> ReadImage(const std::string& path, const ReadImageOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  absl::StatusOr<Image> image = ImageFromBytes(bytes, options);
  if (!image.ok()) return Annotate(image.status(), absl::StrCat("image '", path, "'"));
  return image;
}

absl::StatusOr<Image> ImageFromBytes(absl::string_view bytes, const ReadImageOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const Image image, DecodeImage(bytes, options.channels));
  const auto [shorter, longer] = std::minmax(image.height, image.width);
  if (longer / shorter >= kMaxAspect) {
    return absl::InvalidArgumentError(absl::StrCat("has ", image.height, " x ", image.width,
                                                   " pixels, expected a long side of less than ",
                                                   kMaxAspect, " short ones"));
  }
  return ResizeAndCrop(image, options.size, options.crop_fraction, options.filter);
}

}  // namespace sluice::data
