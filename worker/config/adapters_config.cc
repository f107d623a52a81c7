#include "worker/config/adapters_config.h"

#include "common/status.h"

namespace sluice::config {

void DefineAdapterOptions(OptionSet& o, AdaptersConfig& c) {
  o.Choice("adapters.kind", &c.kind, model::AdapterKindNames(),
           "Small trainable tensors beside the linear layers");
  o.Integer("adapters.rank", &c.rank, 1, 1024, "Rank of LoRA's products");
  o.Number("adapters.alpha", &c.alpha, 1e-6, 1e6, "They are scaled by alpha / rank");
  o.Choices("adapters.targets", &c.targets, model::AdapterTargetNames(),
            "Layers of every block that have one");
  o.Flag("adapters.only", &c.only,
         "Train adapters and classifier alone: the model's other weights stay as they are");
  o.Text("adapters.init", &c.init,
         "Folder of adapters to start from (adapter_config.json, adapter_model.safetensors)");
}

absl::Status ValidateAdaptersConfig(const AdaptersConfig& config) {
  if (config.kind == "none" && !config.init.empty()) {
    return absl::InvalidArgumentError("adapters.init is '" + config.init +
                                      "', expected adapters.kind lora or ia3 with it");
  }
  return config.kind == "none" ? absl::OkStatus()
                               : model::ValidateAdapterConfig(ResolveAdapters(config));
}

model::AdapterConfig ResolveAdapters(const AdaptersConfig& config) {
  model::AdapterConfig result;
  result.kind = model::ParseAdapterKind(config.kind).value();
  result.rank = config.rank;
  result.alpha = config.alpha;
  result.targets = config.targets;
  return result;
}

}  // namespace sluice::config
