#include "worker/tensors/dtype.h"

#include "common/status.h"

namespace sluice::tensors {
namespace {

struct Entry {
  DType dtype;
  const char* name;
  size_t size;
};

constexpr Entry kEntries[] = {
    {DType::kBool, "BOOL", 1}, {DType::kU8, "U8", 1},   {DType::kI8, "I8", 1},
    {DType::kI16, "I16", 2},   {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2},
    {DType::kI32, "I32", 4},   {DType::kF32, "F32", 4}, {DType::kI64, "I64", 8},
    {DType::kU64, "U64", 8},   {DType::kF64, "F64", 8}};

const Entry& Find(DType dtype) {
  for (const Entry& entry : kEntries) {
    if (entry.dtype == dtype) return entry;
  }
  SLUICE_CHECK(false && "every type has an entry");
  return kEntries[0];
}

}  // namespace

size_t DTypeSize(DType dtype) { return Find(dtype).size; }

absl::string_view DTypeName(DType dtype) { return Find(dtype).name; }

std::optional<DType> ParseDType(absl::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.dtype;
  }
  return std::nullopt;
}

}  // namespace sluice::tensors
