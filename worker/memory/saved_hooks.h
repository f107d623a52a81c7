#pragma once

#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <memory>

#include "worker/torch.h"

namespace sluice::memory {

// Decides in which form LibTorch's operators keep a tensor for their backward.
class HookSource {
 public:
  virtual ~HookSource() = default;
  // Called for each tensor that is saved; null keeps it as it is.
  virtual std::unique_ptr<torch::autograd::SavedVariableHooks> Make() = 0;
};

// Puts `source` (borrowed; may be null) in charge on this thread, until the end of its life. They
// may be nested; the innermost one counts.
class HookScope {
 public:
  explicit HookScope(HookSource* source);
  ~HookScope();
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;

 private:
  HookSource* before_;
};

}  // namespace sluice::memory
