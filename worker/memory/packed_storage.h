#pragma once

#include <memory>
#include <optional>

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

  int64_t values_ = 0;
  torch::Tensor packed_;  // [values] bfloat16, or [rows, kScaledValues] codes of a byte.
  torch::Tensor scales_;  // [rows] float32; undefined for bfloat16.
  std::optional<c10::weak_intrusive_ptr<c10::StorageImpl>> unpacked_;
};

}  // namespace sluice::memory
