#include "worker/gate/row_ops.h"

#include <gtest/gtest.h>

namespace sluice::gate {
namespace {

torch::Tensor Random(std::vector<int64_t> shape) { return torch::randn(shape, torch::kDouble); }

TEST(RowOpsTest, GatherTakesRowsAndPutsTheirGradientsBack) {
  torch::manual_seed(1);
  const torch::Tensor x = Random({6, 3}).set_requires_grad(true);
  const torch::Tensor index = torch::tensor({4, 0, 5}, torch::kLong);
  const torch::Tensor weights = Random({3, 3});
  const torch::Tensor rows = GatherRows(x, index);
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(rows[i].equal(x[index[i].item<int64_t>()]));
  (rows * weights).sum().backward();
  torch::Tensor expected = torch::zeros({6, 3}, torch::kDouble);
  for (int64_t i = 0; i < 3; ++i) expected[index[i].item<int64_t>()] = weights[i];
  EXPECT_TRUE(x.grad().equal(expected));
}

TEST(RowOpsTest, GatherAgreesWithIndexSelectInsideALargerGraph) {
  torch::manual_seed(2);
  const torch::Tensor index = torch::tensor({2, 1}, torch::kLong);
  const torch::Tensor start = Random({4, 3});
  const auto gradient = [&](bool ours) {
    const torch::Tensor x = start.clone().set_requires_grad(true);
    const torch::Tensor y = x * x;
    const torch::Tensor rows = ours ? GatherRows(y, index) : y.index_select(0, index);
    (rows.tanh().sum() + y.sum()).backward();
    return x.grad();
  };
  EXPECT_LE((gradient(true) - gradient(false)).abs().max().item<double>(), 1e-15);
}

TEST(RowOpsTest, GatherOfAllRowsInAnotherOrderIsAPermutation) {
  const torch::Tensor x = Random({5, 2}).set_requires_grad(true);
  const torch::Tensor index = torch::tensor({3, 1, 4, 0, 2}, torch::kLong);
  GatherRows(x, index).backward(index.to(torch::kDouble).unsqueeze(1).expand({5, 2}));
  EXPECT_TRUE(x.grad().equal(torch::arange(5, torch::kDouble).unsqueeze(1).expand({5, 2})));
}

TEST(RowOpsTest, ReplaceKeepsTheOtherRowsAndLeavesItsInputsAlone) {
  torch::manual_seed(3);
  const torch::Tensor base = Random({6, 3}), rows = Random({2, 3});
  const torch::Tensor base_before = base.clone();
  const torch::Tensor index = torch::tensor({5, 1}, torch::kLong);
  const torch::Tensor result = ReplaceRows(base, index, rows);
  EXPECT_TRUE(result[5].equal(rows[0]));
  EXPECT_TRUE(result[1].equal(rows[1]));
  for (const int64_t r : {0, 2, 3, 4}) EXPECT_TRUE(result[r].equal(base[r])) << r;
  EXPECT_TRUE(base.equal(base_before));
}

TEST(RowOpsTest, OnlyTheNewRowsGetAGradient) {
  torch::manual_seed(4);
  const torch::Tensor base = Random({6, 3}).set_requires_grad(true);
  const torch::Tensor rows = Random({2, 3}).set_requires_grad(true);
  const torch::Tensor weights = Random({6, 3});
  (ReplaceRows(base, torch::tensor({5, 1}, torch::kLong), rows) * weights).sum().backward();
  EXPECT_FALSE(base.grad().defined());
  EXPECT_TRUE(rows.grad()[0].equal(weights[5]));
  EXPECT_TRUE(rows.grad()[1].equal(weights[1]));
}

TEST(RowOpsTest, StridedRowsAndGradientsAreTaken) {
  torch::manual_seed(5);
  const torch::Tensor wide = Random({4, 9}).set_requires_grad(true);
  const torch::Tensor index = torch::tensor({3, 0}, torch::kLong);
  const torch::Tensor weights = Random({3, 2});
  (GatherRows(wide.narrow(1, 3, 3), index).t() * weights).sum().backward();
  EXPECT_TRUE(wide.grad().narrow(1, 3, 3)[3].equal(weights.select(1, 0)));
  EXPECT_TRUE(wide.grad().narrow(1, 3, 3)[0].equal(weights.select(1, 1)));
  EXPECT_EQ(wide.grad().narrow(1, 0, 3).abs().sum().item<double>(), 0.0);
}

}  // namespace
}  // namespace sluice::gate
