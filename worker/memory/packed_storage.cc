#include "worker/memory/packed_storage.h"

#include "common/status.h"
#include "kernels/fp8.h"
#include "worker/cuda_kernels.h"
#include "worker/parallel.h"

namespace sluice::memory {
namespace {

constexpr int64_t kRowsPerTask = 1024;  // A task for a thread is worth starting from here on.

// `flat` [n] in rows of kScaledValues, the last one filled up with zeros.
torch::Tensor InRows(const torch::Tensor& flat) {
  const int64_t missing = (kScaledValues - flat.numel() % kScaledValues) % kScaledValues;
  const torch::Tensor whole = missing == 0 ? flat : at::constant_pad_nd(flat, {0, missing});
  return whole.reshape({-1, kScaledValues});
}

void PackOnCpu(const torch::Tensor& rows, torch::Tensor& codes, torch::Tensor& scales) {
  const float* from = rows.const_data_ptr<float>();
  auto* to = codes.mutable_data_ptr<uint8_t>();
  auto* scale = scales.mutable_data_ptr<float>();
  ParallelFor(0, rows.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    kernels::Fp8Pack(from + begin * kScaledValues, end - begin, kScaledValues,
                     to + begin * kScaledValues, scale + begin);
  });
}

}  // namespace

std::shared_ptr<PackedStorage> PackedStorage::Pack(const torch::Tensor& tensor, Storage form) {
  SLUICE_CHECK(form != Storage::kFloat32 && tensor.scalar_type() == torch::kFloat);
  const torch::NoGradGuard no_graph;
  const auto values = static_cast<int64_t>(tensor.storage().nbytes() / sizeof(float));
  const torch::Tensor flat = at::as_strided(tensor.detach(), {values}, {1}, 0);
  std::shared_ptr<PackedStorage> result(new PackedStorage);
  if (form == Storage::kBFloat16) {
    result->packed_ = flat.to(torch::kBFloat16);
    return result;
  }
  const torch::Tensor rows = InRows(flat);
  if (rows.is_cpu()) {
    result->packed_ = torch::empty(rows.sizes(), rows.options().dtype(torch::kUInt8));
    result->scales_ = torch::empty({rows.size(0)}, rows.options());
    PackOnCpu(rows, result->packed_, result->scales_);
  } else {
    std::tie(result->packed_, result->scales_) = CudaFp8Pack(rows);
  }
  if (!result->scales_.isfinite().all().item<bool>()) return nullptr;
  return result;
}

torch::Tensor PackedStorage::Whole() const {
  if (!scales_.defined()) return packed_.to(torch::kFloat);
  if (!packed_.is_cpu()) return CudaFp8Unpack(packed_, scales_).flatten();
  torch::Tensor rows = torch::empty(packed_.sizes(), scales_.options());
  const auto* from = packed_.const_data_ptr<uint8_t>();
  const auto* scale = scales_.const_data_ptr<float>();
  auto* to = rows.mutable_data_ptr<float>();
  ParallelFor(0, rows.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    kernels::Fp8Unpack(from + begin * kScaledValues, scale + begin, end - begin, kScaledValues,
                       to + begin * kScaledValues);
  });
  return rows.flatten();
}

torch::Tensor PackedStorage::Unpack(at::IntArrayRef sizes, at::IntArrayRef strides,
                                    int64_t offset) {
  const torch::NoGradGuard no_graph;
  c10::intrusive_ptr<c10::StorageImpl> shared;
  if (unpacked_) shared = unpacked_->lock();
  if (shared) {
    return torch::empty({0}, packed_.options().dtype(torch::kFloat))
        .set_(c10::Storage(std::move(shared)), offset, sizes, strides);
  }
  const torch::Tensor whole = Whole();
  unpacked_ = whole.storage().getWeakStorageImpl();
  return at::as_strided(whole, sizes, strides, offset);
}

KeptTensor::KeptTensor(const torch::Tensor& tensor, std::shared_ptr<PackedStorage> packed)
    : packed_(std::move(packed)),
      sizes_(tensor.sizes().vec()),
      strides_(tensor.strides().vec()),
      offset_(tensor.storage_offset()) {
  if (packed_ == nullptr) whole_ = tensor.detach();
}

torch::Tensor KeptTensor::Get() const {
  return packed_ == nullptr ? whole_ : packed_->Unpack(sizes_, strides_, offset_);
}

}  // namespace sluice::memory
