#include "worker/memory/saved_hooks.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace sluice::memory {
namespace {

// Gives back a multiple of what was saved, so that gradients tell who was asked.
class Multiplying final : public torch::autograd::SavedVariableHooks {
 public:
  explicit Multiplying(double factor) : factor_(factor) {}
  void call_pack_hook(const at::Tensor& tensor) override { kept_ = tensor.clone(); }
  at::Tensor call_unpack_hook() override { return kept_ * factor_; }

 private:
  double factor_;
  torch::Tensor kept_;
};

class CountingSource final : public HookSource {
 public:
  // Without a factor it leaves everything as it is.
  explicit CountingSource(std::optional<double> factor) : factor_(factor) {}
  std::unique_ptr<torch::autograd::SavedVariableHooks> Make() override {
    ++asked;
    return factor_ ? std::make_unique<Multiplying>(*factor_) : nullptr;
  }
  int asked = 0;

 private:
  std::optional<double> factor_;
};

// A product keeps both of its factors: the gradient of a is what was kept of b, and the other way.
struct Product {
  torch::Tensor a = torch::tensor({2.0, 3.0}, torch::kDouble).requires_grad_();
  torch::Tensor b = torch::tensor({5.0, 7.0}, torch::kDouble).requires_grad_();
  torch::Tensor y;

  void Forward() { y = a * b; }
  // Of the two, which times what was saved they are; the same for both, or it is a failure.
  double FactorOfGradients() const {
    const auto gradients = torch::autograd::grad({y.sum()}, {a, b});
    const torch::Tensor at_a = gradients[0] / b.detach(), at_b = gradients[1] / a.detach();
    EXPECT_TRUE(at_a.equal(at_b));
    EXPECT_TRUE(at_a[0].equal(at_a[1]));
    return at_a[0].item<double>();
  }
};

TEST(SavedHooks, ASourceIsAskedForEachTensorThatIsSaved) {
  const Product product;
  CountingSource source(std::nullopt);
  const HookScope scope(&source);
  const torch::Tensor sum = product.a + product.b;
  EXPECT_EQ(source.asked, 0) << "a sum keeps nothing";
  const torch::Tensor exp = product.a.exp();
  EXPECT_EQ(source.asked, 1) << "its result";
  const torch::Tensor y = product.a * product.b;
  EXPECT_EQ(source.asked, 3) << "both factors";
  const torch::NoGradGuard no_graph;
  const torch::Tensor z = product.a * product.b;
  EXPECT_EQ(source.asked, 3) << "nothing is saved without a graph";
}

TEST(SavedHooks, GradientsAreOfWhatTheHooksGiveBack) {
  Product product;
  {
    CountingSource source(3.0);
    const HookScope scope(&source);
    product.Forward();
  }
  // Scope and source are gone before the backward.
  EXPECT_EQ(product.FactorOfGradients(), 3.0);
  EXPECT_TRUE(product.y.equal(product.a * product.b)) << "the forward is exact";
}

TEST(SavedHooks, ATensorWithoutAHookIsKeptAsItIs) {
  Product product;
  CountingSource source(std::nullopt);
  const HookScope scope(&source);
  product.Forward();
  EXPECT_EQ(source.asked, 2);
  EXPECT_EQ(product.FactorOfGradients(), 1.0);
}

TEST(SavedHooks, TheInnermostScopeCountsAndTheOuterOneComesBack) {
  CountingSource three(3.0), five(5.0);
  Product outer, inner, hidden, again, after;
  {
    const HookScope first(&three);
    outer.Forward();
    {
      const HookScope second(&five);
      inner.Forward();
      {
        const HookScope nobody(nullptr);
        hidden.Forward();
      }
    }
    again.Forward();
  }
  after.Forward();
  EXPECT_EQ(outer.FactorOfGradients(), 3.0);
  EXPECT_EQ(inner.FactorOfGradients(), 5.0);
  EXPECT_EQ(hidden.FactorOfGradients(), 1.0);
  EXPECT_EQ(again.FactorOfGradients(), 3.0);
  EXPECT_EQ(after.FactorOfGradients(), 1.0);
  EXPECT_EQ(three.asked, 4);
  EXPECT_EQ(five.asked, 2);
}

TEST(SavedHooks, OtherThreadsHaveScopesOfTheirOwn) {
  CountingSource three(3.0), five(5.0);
  Product bare, own, here;
  const HookScope scope(&three);
  std::thread([&] {
    bare.Forward();
    const HookScope of_thread(&five);
    own.Forward();
  }).join();
  here.Forward();
  EXPECT_EQ(bare.FactorOfGradients(), 1.0);
  EXPECT_EQ(own.FactorOfGradients(), 5.0);
  EXPECT_EQ(here.FactorOfGradients(), 3.0);
}

}  // namespace
}  // namespace sluice::memory
