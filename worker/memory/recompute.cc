#include "worker/memory/recompute.h"

#include <memory>
#include <utility>
#include <vector>

#include "common/status.h"
#include "worker/memory/autocast.h"
#include "worker/memory/saved_tensors.h"

namespace sluice::memory {
namespace {

// Collects what the second run saves, in order.
class Recording final : public HookSource {
 public:
  std::unique_ptr<torch::autograd::SavedVariableHooks> Make() override {
    return std::make_unique<Hooks>(this);
  }
  std::vector<torch::Tensor> tensors;

 private:
  // The graph of the second run is thrown away without a backward.
  class Hooks final : public torch::autograd::SavedVariableHooks {
   public:
    explicit Hooks(Recording* owner) : owner_(owner) {}
    void call_pack_hook(const at::Tensor& tensor) override {
      owner_->tensors.push_back(tensor.detach());
    }
    at::Tensor call_unpack_hook() override {
      SLUICE_CHECK(false);
      return {};
    }

   private:
    Recording* owner_;
  };
};

// What is kept of one run.
class Kept {
 public:
  Kept(RowsFunction run, const torch::Tensor& x)
      : run_(std::move(run)),
        needs_gradient_(x.requires_grad()),
        autocast_(Autocast::IsOn(x.device())) {
    const Storage form = SavedTensors::current()->settings().activations;
    if (form != Storage::kFloat32 && x.scalar_type() == torch::kFloat && x.is_contiguous())
      packed_ = PackedStorage::Pack(x, form);
    x_ = packed_ == nullptr ? x.detach() : torch::empty({0}, x.options());
    sizes_ = x.sizes().vec();
    strides_ = x.strides().vec();
    offset_ = x.storage_offset();
  }

  size_t Promise() { return promised_++; }

  const torch::Tensor& Get(size_t index) {
    if (tensors_.empty()) RunAgain();
    return tensors_[index];
  }

 private:
  void RunAgain() {
    const torch::AutoGradMode with_graph(true);
    const Autocast autocast(x_.device(), autocast_);
    torch::Tensor x = packed_ == nullptr ? x_ : packed_->Unpack(sizes_, strides_, offset_);
    x = x.detach().requires_grad_(needs_gradient_);
    Recording recording;
    const HookScope scope(&recording);
    run_(x);
    tensors_ = std::move(recording.tensors);
    // The same operators on the same values: anything else would give gradients of another model.
    SLUICE_CHECK(tensors_.size() == promised_);
  }

  RowsFunction run_;
  torch::Tensor x_;
  std::shared_ptr<PackedStorage> packed_;
  std::vector<int64_t> sizes_, strides_;
  int64_t offset_ = 0;
  bool needs_gradient_;
  bool autocast_;
  size_t promised_ = 0;
  std::vector<torch::Tensor> tensors_;
};

// Keeps nothing of what the first run saves but its place.
class Promising final : public HookSource {
 public:
  explicit Promising(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {}
  std::unique_ptr<torch::autograd::SavedVariableHooks> Make() override {
    return std::make_unique<Hooks>(kept_);
  }

 private:
  class Hooks final : public torch::autograd::SavedVariableHooks {
   public:
    explicit Hooks(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {}
    void call_pack_hook(const at::Tensor& tensor) override {
      (void)tensor;
      index_ = kept_->Promise();
    }
    at::Tensor call_unpack_hook() override { return kept_->Get(index_); }

   private:
    std::shared_ptr<Kept> kept_;
    size_t index_ = 0;
  };

  std::shared_ptr<Kept> kept_;
};

}  // namespace

torch::Tensor RunBlock(const RowsFunction& run, const torch::Tensor& x) {
  const SavedTensors* const keeping = SavedTensors::current();
  if (keeping == nullptr || !keeping->settings().recompute || !torch::GradMode::is_enabled())
    return run(x);
  Promising promising(std::make_shared<Kept>(run, x));
  const HookScope scope(&promising);
  return run(x);
}

}  // namespace sluice::memory
