#include "worker/memory/memory_config.h"

#include "common/bad_value.h"

namespace sluice::memory {

const std::vector<std::string>& StorageNames() {
  static const auto* const names = new std::vector<std::string>{"fp32", "bf16", "fp8"};
  return *names;
}

absl::StatusOr<Storage> ParseStorage(const std::string& name) {
  return ParseName<Storage>("memory.activations", StorageNames(), name);
}

}  // namespace sluice::memory
