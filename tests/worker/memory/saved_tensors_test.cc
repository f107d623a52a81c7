#include "worker/memory/saved_tensors.h"

#include <gtest/gtest.h>

#include "worker/memory/memory_meter.h"

namespace sluice::memory {
namespace {

Settings Form(Storage form) {
  Settings settings;
  settings.activations = form;
  return settings;
}

torch::Tensor Rounded(const torch::Tensor& x, Storage form) {
  return PackedStorage::Pack(x, form)->Unpack(x.sizes(), x.strides(), 0).clone();
}

struct Linear {
  torch::Tensor x = torch::randn({64, 128}).requires_grad_();
  torch::Tensor weight = torch::randn({256, 128}).requires_grad_();
  torch::Tensor bias = torch::randn({256}).requires_grad_();

  torch::Tensor Product() const { return at::linear(x * 1.0, weight, bias); }
};

class SavedTensorsTest : public testing::TestWithParam<Storage> {
 protected:
  SavedTensorsTest() { torch::manual_seed(5); }
};

// dW of a linear layer is g^T x: with the x that was kept.
TEST_P(SavedTensorsTest, GradientIsThatOfTheRoundedActivations) {
  const Linear layer;
  torch::Tensor y;
  {
    SavedTensors saved(Form(GetParam()), {layer.weight, layer.bias});
    const InBlock kept;
    y = layer.Product();
  }
  EXPECT_TRUE(torch::equal(y, at::linear(layer.x, layer.weight, layer.bias))) << "forward";
  const torch::Tensor g = torch::randn_like(y);
  y.backward(g);
  const torch::Tensor x = Rounded(layer.x.detach(), GetParam());
  EXPECT_TRUE(torch::allclose(layer.weight.grad(), g.t().mm(x), 1e-5, 1e-5));
  EXPECT_FALSE(torch::allclose(layer.weight.grad(), g.t().mm(layer.x), 1e-5, 1e-5));
  // The weight was not rounded.
  EXPECT_TRUE(torch::allclose(layer.x.grad(), g.mm(layer.weight), 1e-5, 1e-5));
}

TEST_P(SavedTensorsTest, KeepsFewerBytes) {
  const Linear layer;
  SavedTensors saved(Form(GetParam()), {layer.weight, layer.bias});
  const InBlock kept;
  MemoryMeter meter;
  torch::Tensor y = layer.Product();
  const int64_t values = layer.x.numel();
  const int64_t expected = GetParam() == Storage::kBFloat16 ? 2 * values : values + values / 32;
  EXPECT_EQ(meter.held() - static_cast<int64_t>(y.nbytes()), expected);
}

// What two operators save of one memory is packed once.
TEST_P(SavedTensorsTest, OneMemoryIsPackedOnce) {
  const torch::Tensor source = torch::randn({64, 128}).requires_grad_();
  SavedTensors saved(Form(GetParam()), {});
  const InBlock kept;
  const torch::Tensor x = source * 1.0;
  MemoryMeter meter;
  const torch::Tensor a = x * x, b = x.t().mm(x);
  const int64_t results = static_cast<int64_t>(a.nbytes() + b.nbytes());
  const int64_t expected =
      GetParam() == Storage::kBFloat16 ? 2 * x.numel() : x.numel() + x.numel() / 32;
  EXPECT_EQ(meter.held() - results, expected);
}

// The values at the time of saving count, also where memory is written to between two operators.
TEST_P(SavedTensorsTest, AVersionIsPackedByItself) {
  const torch::Tensor source = torch::randn({4, 32}).requires_grad_();
  torch::Tensor x = torch::randn({4, 32});
  const torch::Tensor first = Rounded(x, GetParam()), second = Rounded(x + 1, GetParam());
  torch::Tensor a, b;
  {
    SavedTensors saved(Form(GetParam()), {});
    const InBlock kept;
    a = source * x;
    x.add_(1);
    b = source * x;
  }
  (a.sum() + b.sum()).backward();
  EXPECT_TRUE(torch::allclose(source.grad(), first + second));
}

INSTANTIATE_TEST_SUITE_P(Forms, SavedTensorsTest,
                         testing::Values(Storage::kBFloat16, Storage::kFloat8));

TEST(SavedTensors, OutsideOfABlockEverythingStaysAsItIs) {
  const Linear layer;
  SavedTensors saved(Form(Storage::kFloat8), {layer.weight});
  torch::Tensor y = layer.Product();
  y.sum().backward();
  EXPECT_TRUE(torch::equal(layer.weight.grad(), torch::ones_like(y).t().mm(layer.x.detach())));
}

TEST(SavedTensors, SumsOfAttentionStayExact) {
  torch::manual_seed(5);
  // As many keys as a head has channels: sizes alone do not tell sums from values.
  const auto draw = [] { return torch::randn({2, 3, 16, 16}).requires_grad_(); };
  const torch::Tensor q = draw(), k = draw(), v = draw();
  torch::Tensor y;
  {
    SavedTensors saved(Form(Storage::kBFloat16), {});
    const InBlock kept(InBlock::Kind::kAttention);
    y = at::scaled_dot_product_attention(q * 1.0, k * 1.0, v * 1.0);
  }
  y.sum().backward();
  // The backward's probabilities by the sums of the forward: exp(q k / 4 - lse) of what was kept.
  const auto kept = [](const torch::Tensor& x) { return Rounded(x.detach(), Storage::kBFloat16); };
  const torch::Tensor sums = (q.matmul(k.transpose(-2, -1)) / 4.0).logsumexp(-1, true).detach();
  const torch::Tensor p = ((kept(q).matmul(kept(k).transpose(-2, -1)) / 4.0) - sums).exp();
  EXPECT_TRUE(
      torch::allclose(v.grad(), p.transpose(-2, -1).matmul(torch::ones_like(y)), 1e-4, 1e-4));
}

// Memory that is freed and used again in one forward must not be taken for what it was.
TEST(SavedTensors, MemoryThatIsUsedAgainIsPackedAgain) {
  const torch::Tensor source = torch::randn({64, 64}).requires_grad_();
  std::vector<torch::Tensor> results, values;
  {
    SavedTensors saved(Form(Storage::kFloat8), {});
    const InBlock kept;
    for (int i = 0; i < 50; ++i) {
      const torch::Tensor x = torch::randn({64, 64});
      values.push_back(Rounded(x, Storage::kFloat8));
      results.push_back(source * x);
    }
  }
  torch::Tensor expected = torch::zeros_like(source);
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].sum().backward();
    expected += values[i];
  }
  EXPECT_TRUE(torch::allclose(source.grad(), expected, 1e-5, 1e-5));
}

}  // namespace
}  // namespace sluice::memory
