#include "worker/data/normalize.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace sluice::data {

absl::Status ValidateNormalization(const Normalization& normalization, int channels) {
  const size_t count = normalization.mean.size();
  if (count != normalization.std.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("normalisation has ", count, " means and ", normalization.std.size(),
                     " standard deviations, expected as many of each"));
  }
  if (count > 1 && count != static_cast<size_t>(channels)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "normalisation has ", count, " means, expected 0, 1 or one per channel: ", channels));
  }
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(normalization.mean[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "normalisation mean[", i, "] is ", normalization.mean[i], ", expected a finite number"));
    }
    if (!std::isfinite(normalization.std[i]) || normalization.std[i] <= 0.0) {
      return absl::InvalidArgumentError(absl::StrCat("normalisation std[", i, "] is ",
                                                     normalization.std[i],
                                                     ", expected a finite number above 0"));
    }
  }
  return absl::OkStatus();
}

void Normalize(const Normalization& normalization, Image& image) {
  if (normalization.mean.empty()) return;
  const size_t plane = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  for (size_t c = 0; c < static_cast<size_t>(image.channels); ++c) {
    const size_t entry = normalization.mean.size() == 1 ? 0 : c;
    const auto mean = static_cast<float>(normalization.mean[entry]);
    const auto scale = static_cast<float>(1.0 / normalization.std[entry]);
    for (size_t i = c * plane; i < (c + 1) * plane; ++i) {
      image.pixels[i] = (image.pixels[i] - mean) * scale;
    }
  }
}

}  // namespace sluice::data
