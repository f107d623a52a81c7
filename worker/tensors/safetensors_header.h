#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/tensors/dtype.h"

namespace sluice::tensors {

// Largest header that is read or written, as the format's reference implementation has it.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// One tensor's entry in the header.
struct HeaderEntry {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // Empty: a scalar.
  uint64_t begin = 0;          // Bytes [begin, end) behind the header.
  uint64_t end = 0;
};

// The header of a safetensors file.
struct Header {
  std::map<std::string, HeaderEntry> tensors;
  std::map<std::string, std::string> metadata;
};

// Bytes that a tensor takes. INVALID_ARGUMENT for a negative dimension or a size over 2^62.
absl::StatusOr<uint64_t> ByteSize(DType dtype, const std::vector<int64_t>& shape);

// Reads the JSON text of a header whose file has `data_bytes` bytes behind it. Refuses, with the
// tensor's name, value and expectation, whatever the format does not allow: text that is not a JSON
// object, duplicate or unknown keys, unknown types, a shape that overflows or does not fit its byte
// range, ranges that leave the data, overlap or leave a hole.
absl::StatusOr<Header> ParseHeader(absl::string_view json, uint64_t data_bytes);

}  // namespace sluice::tensors
