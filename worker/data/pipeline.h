#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "worker/data/augment.h"
#include "worker/data/dataset.h"
#include "worker/data/domain.h"
#include "worker/data/normalize.h"

namespace sluice::data {

// What happens to an image between the dataset and the batch, in this order.
struct PipelineConfig {
  Domain domain = Domain::kNone;
  AugmentOptions augment;  // The default is off, for evaluations.
  Normalization normalization;
  uint64_t seed = 0;  // Of the augmentation.
};

// INVALID_ARGUMENT if the configuration does not fit images of `shape`; rotate90 needs square ones.
absl::Status ValidatePipeline(const PipelineConfig& config, const ImageShape& shape);

// The image of `sample` as the model sees it in `epoch`. Pure. `config` is valid for the image.
Image RunPipeline(const PipelineConfig& config, const Sample& sample, int64_t epoch);

}  // namespace sluice::data
