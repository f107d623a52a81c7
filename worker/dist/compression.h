#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::dist {

// How gradients travel between ranks.
enum class Compression {
  kNone,  // As they are.
  kBf16,  // In bfloat16, see compressed_sum.h.
};

// Names: none, bf16. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& CompressionNames();
absl::StatusOr<Compression> ParseCompression(const std::string& name);

}  // namespace sluice::dist
