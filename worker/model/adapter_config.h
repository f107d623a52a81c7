#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::model {

enum class AdapterKind { kNone, kLora, kIa3 };

// Small trainable tensors beside a model's linear layers.
struct AdapterConfig {
  AdapterKind kind = AdapterKind::kNone;
  int64_t rank = 8;     // LoRA's.
  double alpha = 16.0;  // LoRA's products are scaled by alpha / rank.
  // Layers of every block: of qkv, proj, fc1, fc2. IA³ scales the input of fc2 and the output of
  // the others.
  std::vector<std::string> targets = {"qkv"};

  bool has(const std::string& target) const;
};

// Names: none, lora, ia3. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& AdapterKindNames();
absl::StatusOr<AdapterKind> ParseAdapterKind(const std::string& name);

// Names of the layers that can have an adapter, as timm has them: qkv, proj, fc1, fc2.
const std::vector<std::string>& AdapterTargetNames();
// Where a target stands inside a block: attn.qkv, attn.proj, mlp.fc1, mlp.fc2.
std::string AdapterTargetPath(const std::string& target);

// INVALID_ARGUMENT that names the value: unknown, doubled or no targets.
absl::Status ValidateAdapterConfig(const AdapterConfig& config);

// PEFT's adapter_config.json for `config`, and back. INVALID_ARGUMENT that names key and value for
// what Sluice cannot do the same way (other kinds, patterns per layer, dropout in use does not
// matter).
std::string AdapterConfigToJson(const AdapterConfig& config);
absl::StatusOr<AdapterConfig> AdapterConfigFromJson(const std::string& text);

}  // namespace sluice::model
