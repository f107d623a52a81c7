#include "worker/study/comparison_config.h"

#include "absl/strings/str_cat.h"
#include "worker/study/arms.h"

namespace sluice::study {

void ResolveRuns(ComparisonConfig& config) {
  const bool large = !config.init.empty();
  if (config.seconds == 0.0) config.seconds = large ? 120.0 : 30.0;
  if (config.rate == 0.0) config.rate = large ? 0.25 : 0.15;
  if (config.lr == 0.0) config.lr = large ? 1e-4 : 2e-3;
  if (config.batch == 0) config.batch = large ? 16 : 64;
  if (config.together == 0) config.together = large ? 5 : 12;
}

TrainOptions CommonOptions(const ComparisonConfig& config, const std::string& run,
                           const std::string& sidecar) {
  TrainOptions options = {{"run.name", run},
                          {"nproc", std::to_string(config.nproc)},
                          {"sidecar", sidecar},
                          {"data.folder", config.data_folder},
                          {"data.eval_subset", absl::StrCat("first:", config.eval_images)},
                          {"gate.layer", kGateLayer},
                          {"train.batch", std::to_string(config.batch)},
                          {"train.weight_decay", "0.05"},
                          {"train.beta2", "0.99"},
                          {"checkpoint.keep", "1"}};
  if (config.init.empty()) return options;
  options.insert(options.end(), {{"model.preset", config.preset},
                                 {"model.image_size", std::to_string(config.image_size)},
                                 {"model.replace_head", "true"},
                                 {"data.resize", "true"},
                                 {"data.mean", "0.485,0.456,0.406"},
                                 {"data.std", "0.229,0.224,0.225"}});
  return options;
}

}  // namespace sluice::study
