#include "worker/model/linear.h"

#include <gtest/gtest.h>

#include "worker/memory/autocast.h"
#include "worker/model/gemm.h"

namespace sluice::model {
namespace {

bool OneDnnIsHere() { return ThisProcessor().avx512; }

class LinearTest : public ::testing::TestWithParam<Gemm> {
 protected:
  void SetUp() override {
    if (GetParam() == Gemm::kOneDnn && !OneDnnIsHere())
      GTEST_SKIP() << "this processor has no AVX-512";
    SetGemm(GetParam());
    torch::manual_seed(3);
  }
  ~LinearTest() override { SetGemm(*ResolveGemm("auto")); }
};

struct Results {
  torch::Tensor y, dx, dw, db;
};

Results RunLinear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                  const torch::Tensor& weights_of_loss) {
  const auto leaf = [](const torch::Tensor& t) {
    return t.defined() ? t.detach().requires_grad_() : t;
  };
  // A strided x stays strided.
  const torch::Tensor own_x = leaf(x), own_weight = leaf(weight), own_bias = leaf(bias);
  const torch::Tensor y = Linear(own_x, own_weight, own_bias);
  (y * weights_of_loss).sum().backward();
  return {y.detach(), own_x.grad(), own_weight.grad(),
          own_bias.defined() ? own_bias.grad() : torch::Tensor()};
}

void ExpectNear(const torch::Tensor& actual, const torch::Tensor& expected, const char* what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  EXPECT_LE((actual.to(torch::kDouble) - expected).norm().item<double>(),
            1e-6 * expected.norm().item<double>())
      << what;
}

// Result and gradients are those of double precision, for rows of every kind.
TEST_P(LinearTest, ResultAndGradientsAreThoseOfDoublePrecision) {
  const torch::Tensor wide = torch::randn({6, 40, 96});
  const std::vector<torch::Tensor> inputs = {
      torch::randn({333, 64}),       // Rows.
      torch::randn({7, 50, 64}),     // A batch.
      wide.narrow(2, 16, 64),        // Parts of rows.
      torch::randn({64, 350}).t(),   // A transposed matrix.
      torch::randn({2, 3, 70, 64}),  // Further dimensions.
      torch::randn({1, 64}),         // Too small for oneDNN.
      torch::randn({0, 64}),         // Nothing.
  };
  const torch::Tensor weight = torch::randn({96, 64}), some_bias = torch::randn({96});
  for (const torch::Tensor& x : inputs) {
    for (const torch::Tensor& bias : {some_bias, torch::Tensor()}) {
      const auto wider = [](const torch::Tensor& t) {
        return t.defined() ? t.to(torch::kDouble) : t;
      };
      std::vector<int64_t> shape = x.sizes().vec();
      shape.back() = 96;
      const torch::Tensor loss = torch::randn(shape);
      const Results actual = RunLinear(x, weight, bias, loss);
      const Results expected = RunLinear(wider(x), wider(weight), wider(bias), wider(loss));
      ExpectNear(actual.y, expected.y, "y");
      ExpectNear(actual.dx, expected.dx, "dx");
      ExpectNear(actual.dw, expected.dw, "dw");
      if (bias.defined()) ExpectNear(actual.db, expected.db, "db");
    }
  }
}

TEST_P(LinearTest, TheSameBitsEachTime) {
  const torch::Tensor x = torch::randn({1000, 128}), weight = torch::randn({384, 128});
  const torch::Tensor bias = torch::randn({384}), loss = torch::randn({1000, 384});
  const Results first = RunLinear(x, weight, bias, loss);
  for (int i = 0; i < 5; ++i) {
    // Elsewhere in memory.
    const Results again = RunLinear(x.clone(), weight.clone(), bias.clone(), loss.clone());
    EXPECT_TRUE(again.y.equal(first.y) && again.dx.equal(first.dx) && again.dw.equal(first.dw) &&
                again.db.equal(first.db));
  }
}

TEST_P(LinearTest, MultiplyTakesTransposedFactors) {
  const torch::Tensor a = torch::randn({200, 90}), b = torch::randn({90, 70});
  const torch::Tensor expected = a.to(torch::kDouble).mm(b.to(torch::kDouble));
  ExpectNear(Multiply(a, b), expected, "plain");
  ExpectNear(Multiply(a.t().contiguous().t(), b), expected, "left");
  ExpectNear(Multiply(a, b.t().contiguous().t()), expected, "right");
}

// Which library is called is seen by who computes the gradient.
TEST_P(LinearTest, LargeMatricesOfFloat32AreOneDnns) {
  const auto is_ours = [](const torch::Tensor& x, int64_t out) {
    const torch::Tensor weight = torch::randn({out, x.size(-1)}, x.options()).requires_grad_();
    return Linear(x, weight, {}).grad_fn()->name().find("LinearFunction") != std::string::npos;
  };
  EXPECT_EQ(is_ours(torch::randn({64, 64}), 64), GetParam() == Gemm::kOneDnn);
  EXPECT_FALSE(is_ours(torch::randn({64, 64}), 63));
  EXPECT_FALSE(is_ours(torch::randn({64, 64}, torch::kDouble), 64));
  const memory::Autocast autocast(torch::kCPU, true);
  EXPECT_FALSE(is_ours(torch::randn({64, 64}), 64));
}

// What only the gradient of a constant would need is not kept.
TEST_P(LinearTest, OnlyWhatAGradientNeedsIsKept) {
  torch::Tensor x = torch::randn({100, 64}), weight = torch::randn({64, 64});
  const auto uses = [](const torch::Tensor& t) { return t.storage().use_count(); };
  const auto x_before = uses(x), weight_before = uses(weight);
  x.set_requires_grad(true);
  const torch::Tensor of_x = Linear(x, weight, {});
  EXPECT_EQ(uses(x), x_before);
  EXPECT_GT(uses(weight) + weight.use_count(), weight_before + 1);
  x.set_requires_grad(false);
  weight.set_requires_grad(true);
  const torch::Tensor of_weight = Linear(x, weight, {});
  EXPECT_GT(uses(x) + x.use_count(), x_before + 1);
  EXPECT_FALSE(Linear(x, weight.detach(), {}).requires_grad());
}

INSTANTIATE_TEST_SUITE_P(Libraries, LinearTest, ::testing::Values(Gemm::kMkl, Gemm::kOneDnn),
                         [](const auto& info) { return GemmName(info.param); });

}  // namespace
}  // namespace sluice::model
