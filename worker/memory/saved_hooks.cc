#include "worker/memory/saved_hooks.h"

#include <torch/csrc/autograd/engine.h>

#include <mutex>

namespace sluice::memory {
namespace {

thread_local HookSource* in_charge = nullptr;

// LibTorch asks its engine for the hooks of what is saved; from C++ this is the only way to them.
class HookedEngine final : public torch::autograd::Engine {
 public:
  static void Install() {
    static std::once_flag once;
    std::call_once(once, [] {
      torch::autograd::set_default_engine_stub(+[]() -> torch::autograd::Engine& {
        // Never destroyed: threads of the engine may outlive static objects.
        static auto* const engine = new HookedEngine;
        return *engine;
      });
    });
  }
  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    return in_charge == nullptr ? nullptr : in_charge->Make();
  }
};

}  // namespace

HookScope::HookScope(HookSource* source) : before_(in_charge) {
  HookedEngine::Install();
  in_charge = source;
}

HookScope::~HookScope() { in_charge = before_; }

}  // namespace sluice::memory
