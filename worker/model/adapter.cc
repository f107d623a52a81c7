#include "worker/model/adapter.h"

#include <cmath>

namespace sluice::model {

Adapter MakeAdapter(const AdapterConfig& config, int64_t in, int64_t out, bool scales_input,
                    const torch::TensorOptions& options) {
  Adapter adapter;
  const auto own = options.requires_grad(true);
  if (config.kind == AdapterKind::kIa3) {
    const std::vector<int64_t> shape =
        scales_input ? std::vector<int64_t>{1, in} : std::vector<int64_t>{out, 1};
    adapter.ia3 = torch::ones(shape, own);
    return adapter;
  }
  // Kaiming's uniform with a = sqrt(5), as PEFT takes it.
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  adapter.lora_a = torch::empty({config.rank, in}, options).uniform_(-bound, bound);
  adapter.lora_a.set_requires_grad(true);
  adapter.lora_b = torch::zeros({out, config.rank}, own);
  adapter.scale = config.alpha / static_cast<double>(config.rank);
  return adapter;
}

std::vector<std::pair<std::string, torch::Tensor>> AdapterTensors(const Adapter& adapter) {
  if (adapter.ia3.defined()) return {{"ia3_l", adapter.ia3}};
  return {{"lora_A.weight", adapter.lora_a}, {"lora_B.weight", adapter.lora_b}};
}

void MergeAdapter(const Adapter& adapter, torch::Tensor weight, torch::Tensor bias) {
  const torch::NoGradGuard no_graph;
  if (adapter.lora_a.defined()) {
    weight.addmm_(adapter.lora_b, adapter.lora_a, 1.0, adapter.scale);
    return;
  }
  weight.mul_(adapter.ia3);
  if (!adapter.scales_input()) bias.mul_(adapter.ia3.squeeze(1));
}

}  // namespace sluice::model
