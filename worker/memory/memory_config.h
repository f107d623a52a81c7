#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::memory {

// In which form a forward keeps what its backward needs of the blocks' activations.
enum class Storage {
  kFloat32,   // As they are.
  kBFloat16,  // Half of the bytes.
  kFloat8,    // e4m3 with a float32 scale for every kScaledValues values: about a quarter.
};

// Values that share a scale under kFloat8.
inline constexpr int64_t kScaledValues = 128;

// fp32, bf16, fp8. INVALID_ARGUMENT that lists them otherwise.
const std::vector<std::string>& StorageNames();
absl::StatusOr<Storage> ParseStorage(const std::string& name);

// How a training step computes, and what of its activations it keeps.
struct Settings {
  Storage activations = Storage::kFloat32;
  // Blocks keep their input alone and run forward once more in the backward.
  bool recompute = false;
  // Matrix products and attention in bfloat16.
  bool autocast = false;
  // The blocks' linear layers forward in e4m3; needs autocast and a GPU that can.
  bool fp8_matmul = false;
};

}  // namespace sluice::memory
