#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "worker/memory/memory_config.h"
#include "worker/torch.h"

namespace sluice::memory {

// The memory behind a float32 tensor and all views of it, in a smaller form. Not thread-safe.
class PackedStorage {
 public:
  // Packs all of the memory behind `tensor`; `form` is not kFloat32. Null if it holds a value that
  // the form cannot hold: one that is not finite.
  static std::shared_ptr<PackedStorage> Pack(const torch::Tensor& tensor, Storage form);

  // A tensor over memory with the values of what was packed, rounded to the form. Views that are
  // unpacked while others are alive share it.
  torch::Tensor Unpack(at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset);

 private:
  PackedStorage() = default;
  torch::Tensor Whole() const;

  torch::Tensor packed_;  // [values] bfloat16, or [rows, kScaledValues] codes of a byte.
  torch::Tensor scales_;  // [rows] float32; undefined for bfloat16.
  std::optional<c10::weak_intrusive_ptr<c10::StorageImpl>> unpacked_;
};

// A tensor as it is kept: a view of packed memory, or itself without its graph (which would keep an
// operator's own output alive for ever).
class KeptTensor {
 public:
  KeptTensor() = default;
  // `packed`: of the memory behind `tensor`; null keeps the tensor as it is.
  KeptTensor(const torch::Tensor& tensor, std::shared_ptr<PackedStorage> packed);

  torch::Tensor Get() const;

 private:
  std::shared_ptr<PackedStorage> packed_;
  torch::Tensor whole_;
  std::vector<int64_t> sizes_, strides_;
  int64_t offset_ = 0;
};

}  // namespace sluice::memory
