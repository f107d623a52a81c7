#include "worker/memory/saved_tensors.h"

#include "common/status.h"

namespace sluice::memory {
namespace {

thread_local SavedTensors* keeping = nullptr;
thread_local std::optional<InBlock::Kind> inside;

bool IsRows(const torch::Tensor& tensor) {
  if (tensor.dim() < 2) return false;
  // Means and deviations of rows have a last dimension of one.
  return *inside == InBlock::Kind::kAttention ? tensor.dim() == 4 : tensor.size(-1) > 1;
}

class PackingHooks final : public torch::autograd::SavedVariableHooks {
 public:
  explicit PackingHooks(SavedTensors* owner) : owner_(owner) {}

  // Called at once, while the owner lives.
  void call_pack_hook(const at::Tensor& tensor) override {
    kept_ = {tensor, IsRows(tensor) ? owner_->PackOnce(tensor) : nullptr};
  }
  at::Tensor call_unpack_hook() override { return kept_.Get(); }

 private:
  SavedTensors* owner_;
  KeptTensor kept_;
};

}  // namespace

SavedTensors::SavedTensors(const Settings& settings, const std::vector<torch::Tensor>& parameters)
    : settings_(settings) {
  SLUICE_CHECK(keeping == nullptr);
  keeping = this;
  if (!packs()) return;
  for (const torch::Tensor& parameter : parameters)
    parameters_.insert(parameter.storage().unsafeGetStorageImpl());
  scope_.emplace(this);
}

SavedTensors::~SavedTensors() { keeping = nullptr; }

SavedTensors* SavedTensors::current() { return keeping; }

std::unique_ptr<torch::autograd::SavedVariableHooks> SavedTensors::Make() {
  return inside ? std::make_unique<PackingHooks>(this) : nullptr;
}

std::shared_ptr<PackedStorage> SavedTensors::PackOnce(const torch::Tensor& tensor) {
  const c10::StorageImpl* const memory = tensor.storage().unsafeGetStorageImpl();
  if (!packs() || tensor.scalar_type() != torch::kFloat || parameters_.contains(memory))
    return nullptr;
  const auto [it, is_new] = seen_.try_emplace({memory, tensor._version()},
                                              Seen{tensor.storage().getWeakStorageImpl(), nullptr});
  if (is_new) it->second.packed = PackedStorage::Pack(tensor, settings_.activations);
  return it->second.packed;
}

InBlock::InBlock(Kind kind) : before_(inside) { inside = kind; }

InBlock::~InBlock() { inside = before_; }

}  // namespace sluice::memory
