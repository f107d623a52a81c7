#include "worker/model/products.h"

#include <gtest/gtest.h>

#include "worker/memory/autocast.h"
#include "worker/model/linear.h"

namespace sluice::model {
namespace {

torch::Tensor Index() { return torch::tensor({1, 4, 6}, torch::kLong); }
torch::Tensor TakeIndex(const torch::Tensor& rows) { return rows.index_select(0, Index()); }

// What is recalled is not computed again, and has the gradient of what is.
TEST(ProductsTest, RecalledResultsHaveTheGradientOfComputedOnes) {
  torch::manual_seed(1);
  const torch::Tensor x = torch::randn({8, 5}, torch::kDouble);
  torch::Tensor first = torch::randn({6, 5}, torch::kDouble).requires_grad_();
  torch::Tensor bias = torch::randn({6}, torch::kDouble).requires_grad_();
  torch::Tensor second = torch::randn({3, 6}, torch::kDouble).requires_grad_();
  const auto run = [&](const torch::Tensor& rows) {
    return Linear(Linear(rows, first, bias).tanh(), second, {});
  };
  std::vector<torch::Tensor> results;
  {
    const torch::NoGradGuard no_graph;
    const RecordProducts recording(&results);
    run(x);
  }
  ASSERT_EQ(results.size(), 2u);
  const auto gradients = [&](bool recall) {
    for (torch::Tensor* leaf : {&first, &bias, &second}) leaf->mutable_grad() = torch::Tensor();
    torch::Tensor own = TakeIndex(x).detach().requires_grad_();
    const RecallProducts recalling(recall ? results : std::vector<torch::Tensor>(), TakeIndex);
    const torch::Tensor y = run(own);
    y.pow(2).sum().backward();
    return std::vector<torch::Tensor>{y.detach(), own.grad(), first.grad(), bias.grad(),
                                      second.grad()};
  };
  const std::vector<torch::Tensor> computed = gradients(false), recalled = gradients(true);
  for (size_t i = 0; i < computed.size(); ++i)
    EXPECT_TRUE(recalled[i].allclose(computed[i], 1e-12, 1e-13)) << i;
}

TEST(ProductsTest, ResultsAreTakenInTheirOrderAndNotComputed) {
  const torch::Tensor x = torch::ones({2, 3}), weight = torch::ones({4, 3});
  const torch::Tensor one = torch::full({8, 4}, 1.5), two = torch::full({8, 4}, 2.5);
  {
    const RecallProducts recalling({one, two}, TakeIndex);
    EXPECT_TRUE(Linear(x, weight, {}).equal(TakeIndex(one)));
    EXPECT_TRUE(Linear(x, weight, {}).equal(TakeIndex(two)));
  }
  EXPECT_TRUE(Linear(x, weight, {}).equal(torch::full({2, 4}, 3.0)));
}

TEST(ProductsDeathTest, AProductThatIsNotTakenEndsTheProgram) {
  EXPECT_DEATH({ const RecallProducts recalling({torch::ones({8, 4})}, TakeIndex); }, "next_");
}

TEST(ProductsTest, UnderAutocastNothingIsNoted) {
  std::vector<torch::Tensor> results;
  const RecordProducts recording(&results);
  {
    const memory::Autocast autocast(torch::kCPU, true);
    Linear(torch::ones({2, 3}), torch::ones({4, 3}), {});
    EXPECT_TRUE(results.empty());
  }
  Linear(torch::ones({2, 3}), torch::ones({4, 3}), {});
  EXPECT_EQ(results.size(), 1u);
}

}  // namespace
}  // namespace sluice::model
