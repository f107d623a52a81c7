#include "worker/config/memory_options.h"

#include "common/bad_value.h"

namespace sluice::config {

void DefineMemoryOptions(OptionSet& o, MemoryConfig& c) {
  o.Choice("memory.activations", &c.activations, memory::StorageNames(),
           "How the forward keeps the blocks' activations for the backward; fp8: e4m3 with a scale "
           "for every 128 values");
  o.Flag("memory.checkpointing", &c.checkpointing,
         "Activation checkpointing: blocks keep their input alone and run again in the backward");
  o.Choice("memory.autocast", &c.autocast, {"off", "bf16"},
           "Compute matrix products and attention of training steps in bfloat16");
  o.Flag("memory.fp8_matmul", &c.fp8_matmul,
         "Compute the blocks' linear layers forward in e4m3; on GPUs of compute capability 8.9 on");
}

absl::Status ValidateMemoryConfig(const MemoryConfig& config, const std::string& gate_mode) {
  if (config.checkpointing && gate_mode == "selective") {
    return BadValue("memory.checkpointing", "true",
                    "false with gate.mode selective, whose closed rows would run once more, too");
  }
  if (config.autocast != "off" && config.activations != "fp32") {
    return BadValue("memory.activations", config.activations,
                    "fp32 with memory.autocast bf16, which keeps what it computes in bfloat16");
  }
  if (config.fp8_matmul && config.autocast != "bf16") {
    return BadValue("memory.fp8_matmul", "true", "false, or memory.autocast bf16 for the backward");
  }
  return absl::OkStatus();
}

memory::Settings ResolveMemory(const MemoryConfig& config) {
  memory::Settings settings;
  settings.activations = memory::ParseStorage(config.activations).value();
  settings.recompute = config.checkpointing;
  settings.autocast = config.autocast == "bf16";
  settings.fp8_matmul = config.fp8_matmul;
  return settings;
}

}  // namespace sluice::config
