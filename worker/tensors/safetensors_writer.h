#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/tensors/dtype.h"

namespace sluice::tensors {

// A tensor to be written: contiguous little-endian elements that stay valid during the call.
struct NamedTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  absl::string_view data;
};

// Writes a safetensors file, atomically and durably (WriteFileAtomically). Tensors lie in order of
// falling element size, then name, so that each is aligned to its elements; the header is padded
// with spaces to a multiple of 8 bytes; the same content gives the same bytes. INVALID_ARGUMENT
// that names the tensor for a duplicate or reserved name, text that is not UTF-8, or data whose
// size is not that of its shape.
absl::Status WriteSafetensors(const std::string& path, std::vector<NamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace sluice::tensors
