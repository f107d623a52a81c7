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
  Kept(RowsFunction run, const torch::Tensor& x, SavedTensors& keeping)
      : run_(std::move(run)),
        x_(x, keeping.PackOnce(x)),
        device_(x.device()),
        needs_gradient_(x.requires_grad()),
        autocast_(Autocast::IsOn(device_)) {}

  size_t Promise() { return promised_++; }

  const torch::Tensor& Get(size_t index) {
    if (tensors_.empty()) RunAgain();
    return tensors_[index];
  }

 private:
  void RunAgain() {
    const torch::AutoGradMode with_graph(true);
    const Autocast autocast(device_, autocast_);
    Recording recording;
    const HookScope scope(&recording);
    run_(x_.Get().detach().requires_grad_(needs_gradient_));
    tensors_ = std::move(recording.tensors);
    // The same operators on the same values: anything else would give gradients of another model.
    SLUICE_CHECK(tensors_.size() == promised_);
  }

  RowsFunction run_;
  KeptTensor x_;
  torch::Device device_;
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
    void call_pack_hook(const at::Tensor& /*tensor*/) override { index_ = kept_->Promise(); }
    at::Tensor call_unpack_hook() override { return kept_->Get(index_); }

   private:
    std::shared_ptr<Kept> kept_;
    size_t index_ = 0;
  };

  std::shared_ptr<Kept> kept_;
};

}  // namespace

torch::Tensor RunBlock(const RowsFunction& run, const torch::Tensor& x) {
  SavedTensors* const keeping = SavedTensors::current();
  if (keeping == nullptr || !keeping->settings().recompute || !torch::GradMode::is_enabled())
    return run(x);
  Promising promising(std::make_shared<Kept>(run, x, *keeping));
  const HookScope scope(&promising);
  return run(x);
}

}  // namespace sluice::memory
