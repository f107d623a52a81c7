#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/options.h"
#include "worker/memory/memory_config.h"

namespace sluice::config {

// What a step keeps and in which precision it computes, as read from flags, environment and file.
struct MemoryConfig {
  std::string activations = "fp32";
  bool checkpointing = false;
  std::string autocast = "off";
  bool fp8_matmul = false;
};

void DefineMemoryOptions(OptionSet& options, MemoryConfig& config);

// INVALID_ARGUMENT if a value does not fit another or the gate's mode.
absl::Status ValidateMemoryConfig(const MemoryConfig& config, const std::string& gate_mode);

// The configuration must be valid.
memory::Settings ResolveMemory(const MemoryConfig& config);

}  // namespace sluice::config
