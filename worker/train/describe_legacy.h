#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "worker/data/pipeline.h"
#include "worker/legacy/legacy_set.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// Asks a model about the images of `set`, densely: fills in logits and losses. Of `pipeline` the
// normalisation counts; `batch`: images of a forward, at most. `features`, if given, receives what
// the classifier sees of each image, [N, D]. DATA_LOSS if a loss is not finite.
absl::Status DescribeLegacy(GatedModel& model, const data::PipelineConfig& pipeline, int64_t batch,
                            legacy::LegacySet& set, std::vector<float>* features);

}  // namespace sluice::train
