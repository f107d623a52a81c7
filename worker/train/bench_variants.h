#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/gate/flops.h"
#include "worker/model/vit_config.h"
#include "worker/train/gated_model.h"

namespace sluice::train {

// What a benchmark measures: one mode at one rate.
struct BenchVariant {
  GateSettings settings;
  double rate = 1.0;
  std::string mode;
};

// Every mode at every rate, by budget, with untrained heads: a head is a probe of its own, its cost
// is not the step's. Mode dense stands once, whatever the rates. INVALID_ARGUMENT for values that
// do not fit.
absl::StatusOr<std::vector<BenchVariant>> MakeBenchVariants(const std::vector<std::string>& modes,
                                                            const std::vector<double>& rates,
                                                            const std::vector<int64_t>& layers,
                                                            const std::string& scorer,
                                                            const model::VitConfig& vit);

// What such a step computes on `images`.
gate::StepShape ShapeOf(const BenchVariant& variant, const model::VitConfig& vit, int64_t images);

// Images and labels out of the air, from a fixed seed.
ModelBatch MadeUpBatch(const model::VitConfig& vit, int64_t images);

}  // namespace sluice::train
