#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/model/adapter_config.h"
#include "worker/model/vit.h"

namespace sluice::model {

// Adapters saved alone, in the layout of PEFT (its save_pretrained on timm's model): a folder with
// adapter_config.json and adapter_model.safetensors, whose tensors are named
// base_model.model.blocks.N.….lora_A.weight, ….lora_B.weight or ….ia3_l, and the classifier as
// base_model.model.head.*.

// Makes the folder if need be and writes both files, each atomically.
absl::Status SaveAdapters(const std::string& folder, const AdapterConfig& config, const Vit& vit);

// What the folder's adapters are. NOT_FOUND or INVALID_ARGUMENT with the file's path.
absl::StatusOr<AdapterConfig> ReadAdapterConfig(const std::string& folder);

// Copies a folder's adapters into those of `vit`, which has them attached by the same
// configuration. The classifier is taken over unless `replace_head`. Strict: every adapter must be
// there in its shape, and no further tensor; the message names it. On an error `vit` may be partly
// loaded.
absl::Status LoadAdapters(const std::string& folder, bool replace_head, Vit& vit);

// Merges all adapters into the plain weights and takes them off.
void MergeAdapters(Vit& vit);

}  // namespace sluice::model
