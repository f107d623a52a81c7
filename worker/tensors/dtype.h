#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sluice::tensors {

// Element types of the safetensors format that Sluice knows.
enum class DType { kBool, kU8, kI8, kI16, kF16, kBF16, kI32, kF32, kI64, kU64, kF64 };

// Bytes of one element.
size_t DTypeSize(DType dtype);
// The format's name, for example "F32".
absl::string_view DTypeName(DType dtype);
// Nothing if the name is not known.
std::optional<DType> ParseDType(absl::string_view name);

}  // namespace sluice::tensors
