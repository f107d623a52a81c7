#pragma once

#include <map>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "worker/memory/memory_config.h"
#include "worker/memory/packed_storage.h"
#include "worker/memory/saved_hooks.h"
#include "worker/torch.h"

namespace sluice::memory {

// While one is alive on a thread, LibTorch's operators keep what they need for the backward of
// blocks as the settings say; the backward may run after its end. Parameters, which are known by
// the memory behind them, stay as they are. For one thread; not nested. Does nothing for fp32
// without recomputing.
//
// Unpacked values are rounded: gradients are those of slightly other activations (a relative error
// of a value of up to 2^-4 for fp8, 2^-8 for bf16), while the forward is exact.
class SavedTensors final : public HookSource {
 public:
  SavedTensors(const Settings& settings, const std::vector<torch::Tensor>& parameters);
  ~SavedTensors() override;
  SavedTensors(const SavedTensors&) = delete;
  SavedTensors& operator=(const SavedTensors&) = delete;

  std::unique_ptr<torch::autograd::SavedVariableHooks> Make() override;

  // Packs the memory behind `tensor` once for each of its versions. Null: it is kept as it is, by
  // the settings, or because it is a parameter's or not of float32.
  std::shared_ptr<PackedStorage> PackOnce(const torch::Tensor& tensor);

  const Settings& settings() const { return settings_; }
  // The one in charge of this thread, or null.
  static SavedTensors* current();

 private:
  bool packs() const { return settings_.activations != Storage::kFloat32; }

  using Memory = const c10::StorageImpl*;
  struct Seen {
    // Keeps the address from being used again, not the memory.
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;
    std::shared_ptr<PackedStorage> packed;
  };

  Settings settings_;
  std::unordered_set<Memory> parameters_;
  std::map<std::pair<Memory, uint32_t>, Seen> seen_;
  std::optional<HookScope> scope_;
};

// What operators save between its beginning and end is a block's: rows of activations. Elsewhere,
// in losses and heads, everything is kept as it is.
class InBlock {
 public:
  // Of attention operators queries, keys, values and results, which have four dimensions, are
  // packed, and their sums of exponentials are not; of others all rows.
  enum class Kind { kRows, kAttention };
  explicit InBlock(Kind kind = Kind::kRows);
  ~InBlock();
  InBlock(const InBlock&) = delete;
  InBlock& operator=(const InBlock&) = delete;

 private:
  std::optional<Kind> before_;
};

}  // namespace sluice::memory
