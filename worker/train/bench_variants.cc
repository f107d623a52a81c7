#include "worker/train/bench_variants.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/status.h"
#include "worker/config/gate_config.h"

namespace sluice::train {

namespace {

constexpr uint64_t kBatchSeed = 1;

}  // namespace

absl::StatusOr<std::vector<BenchVariant>> MakeBenchVariants(const std::vector<std::string>& modes,
                                                            const std::vector<double>& rates,
                                                            const std::vector<int64_t>& layers,
                                                            const std::string& scorer,
                                                            const model::VitConfig& vit) {
  std::vector<BenchVariant> variants;
  for (const std::string& mode : modes) {
    for (const double rate : mode == "dense" ? std::vector<double>{1.0} : rates) {
      config::GateConfig gate;
      gate.mode = mode;
      gate.layers = layers;
      gate.scorer = scorer;
      gate.policy = "budget";
      gate.rates = {rate};
      SLUICE_RETURN_IF_ERROR(config::ValidateGateConfig(gate, vit.depth, 1));
      variants.push_back({config::ResolveGates(gate), rate, mode});
      variants.back().settings.train_head = false;
    }
  }
  return variants;
}

gate::StepShape ShapeOf(const BenchVariant& variant, const model::VitConfig& vit, int64_t images) {
  gate::StepShape shape;
  shape.mode = variant.settings.mode;
  shape.images = images;
  if (shape.mode == Mode::kDense) return shape;
  for (const GateAt& gate : variant.settings.gates) {
    shape.layers.push_back(gate.layer);
    shape.open.push_back(
        std::max(1.0, std::round(variant.rate * static_cast<double>(vit.patches()))));
  }
  return shape;
}

ModelBatch MadeUpBatch(const model::VitConfig& vit, int64_t images) {
  torch::manual_seed(kBatchSeed);
  ModelBatch batch;
  batch.images = torch::randn({images, vit.channels, vit.image_size, vit.image_size});
  batch.labels = torch::randint(0, vit.classes, {images}, torch::kLong);
  batch.ids.resize(images);
  std::iota(batch.ids.begin(), batch.ids.end(), 0);
  batch.key.seed = kBatchSeed;
  return batch;
}

}  // namespace sluice::train
