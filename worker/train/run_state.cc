#include "worker/train/run_state.h"

#include "worker/model/gemm.h"

namespace sluice::train {

void DescribeRun(const config::TrainConfig& config, const std::string& config_toml,
                 const Datasets& datasets, checkpoint::TrainState& state) {
  state.fingerprint = config::Fingerprint(config);
  state.class_names = datasets.train->class_names();
  state.mean = config.data.mean;
  state.std = config.data.std;
  state.config_toml = config_toml;
  state.gemm = model::GemmName(model::CurrentGemm());
}

void CountSteps(Optimizer& optimizer, checkpoint::TrainState& state) {
  for (size_t g = 0; g < optimizer.groups().size(); ++g)
    state.group_steps[optimizer.groups()[g].name] = optimizer.group_steps()[g];
}

}  // namespace sluice::train
