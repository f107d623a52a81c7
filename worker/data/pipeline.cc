#include "worker/data/pipeline.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {

absl::Status ValidatePipeline(const PipelineConfig& config, const ImageShape& shape) {
  if (config.domain == Domain::kRotate90 && shape.height != shape.width) {
    return absl::InvalidArgumentError(absl::StrCat("domain is 'rotate90' and images have ",
                                                   shape.height, " x ", shape.width,
                                                   " pixels, expected square ones"));
  }
  SLUICE_RETURN_IF_ERROR(ValidateAugment(config.augment));
  return ValidateNormalization(config.normalization, shape.channels);
}

Image RunPipeline(const PipelineConfig& config, const Sample& sample, int64_t epoch) {
  Image image = Apply(config.domain, sample.image, sample.id);
  image = Augment(config.augment, image, config.seed, epoch, sample.id);
  Normalize(config.normalization, image);
  return image;
}

}  // namespace sluice::data
