#include "worker/memory/recompute.h"

#include <gtest/gtest.h>

#include "worker/memory/memory_meter.h"
#include "worker/memory/saved_tensors.h"

namespace sluice::memory {
namespace {

Settings Recompute(Storage form = Storage::kFloat32) {
  Settings settings;
  settings.activations = form;
  settings.recompute = true;
  return settings;
}

// Two layers with something between that keeps its result and something that keeps its input.
struct Mlp {
  torch::Tensor w1, w2;
  int runs = 0;

  Mlp() {
    torch::manual_seed(9);
    w1 = (torch::randn({128, 32}) / 6).requires_grad_();
    w2 = (torch::randn({32, 128}) / 12).requires_grad_();
  }
  torch::Tensor Forward(const torch::Tensor& x) {
    ++runs;
    return x + at::linear(at::gelu(at::linear(x, w1)).tanh(), w2);
  }
  RowsFunction function() {
    return [this](const torch::Tensor& x) { return Forward(x); };
  }
};

struct Gradients {
  torch::Tensor y, x, w1, w2;
};

Gradients GradientsOf(Mlp& mlp, bool x_needs_gradient, const Settings& settings) {
  torch::manual_seed(10);
  const torch::Tensor x = torch::randn({40, 32}).requires_grad_(x_needs_gradient);
  mlp.w1.mutable_grad() = mlp.w2.mutable_grad() = torch::Tensor();
  torch::Tensor y;
  {
    SavedTensors saved(settings, {});
    y = RunBlock(mlp.function(), RunBlock(mlp.function(), x));
  }
  y.pow(2).sum().backward();
  return {y.detach(), x.grad(), mlp.w1.grad(), mlp.w2.grad()};
}

TEST(Recompute, GradientsAreThoseWithoutItToTheBit) {
  for (const bool x_needs_gradient : {true, false}) {
    Mlp mlp;
    const Gradients expected = GradientsOf(mlp, x_needs_gradient, {});
    EXPECT_EQ(mlp.runs, 2);
    const Gradients got = GradientsOf(mlp, x_needs_gradient, Recompute());
    EXPECT_EQ(mlp.runs, 6) << "each block once forward and once more in the backward";
    EXPECT_TRUE(torch::equal(got.y, expected.y));
    EXPECT_TRUE(torch::equal(got.w1, expected.w1));
    EXPECT_TRUE(torch::equal(got.w2, expected.w2));
    EXPECT_EQ(got.x.defined(), x_needs_gradient);
    if (x_needs_gradient) {
      EXPECT_TRUE(torch::equal(got.x, expected.x));
    }
  }
}

TEST(Recompute, NothingIsRunAgainWithoutAGraph) {
  Mlp mlp;
  SavedTensors saved(Recompute(), {});
  const torch::NoGradGuard no_graph;
  RunBlock(mlp.function(), torch::randn({4, 32}));
  EXPECT_EQ(mlp.runs, 1);
}

TEST(Recompute, KeepsTheInputAlone) {
  Mlp mlp;
  SavedTensors saved(Recompute(), {mlp.w1, mlp.w2});
  const torch::Tensor start = torch::randn({40, 32}).requires_grad_();
  MemoryMeter meter;
  const torch::Tensor x = start * 1.0;
  const torch::Tensor y = RunBlock(mlp.function(), x);
  EXPECT_EQ(meter.held(), static_cast<int64_t>(x.nbytes() + y.nbytes()));
}

TEST(Recompute, TheKeptInputTakesTheForm) {
  Mlp mlp;
  const Gradients expected = GradientsOf(mlp, true, {});
  const Gradients got = GradientsOf(mlp, true, Recompute(Storage::kBFloat16));
  EXPECT_TRUE(torch::equal(got.y, expected.y)) << "the forward is exact";
  EXPECT_FALSE(torch::equal(got.w1, expected.w1));
  const torch::Tensor error = (got.w1 - expected.w1).norm() / expected.w1.norm();
  EXPECT_LT(error.item<double>(), 1.0 / 256);
}

}  // namespace
}  // namespace sluice::memory
