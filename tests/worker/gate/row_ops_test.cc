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

// Float32 goes through kernels of ours, in several threads if there are enough rows; to the bit as
// LibTorch's operators.
TEST(RowOpsTest, Float32RowsAreThoseOfLibTorch) {
  torch::manual_seed(6);
  for (const int64_t rows : {1, 7, 900}) {
    for (const int64_t columns : {1, 5, 192}) {
      const torch::Tensor x = torch::randn({rows, columns}).set_requires_grad(true);
      const torch::Tensor base = torch::randn({rows, columns});
      for (const int64_t count : {int64_t{0}, rows / 3, rows}) {
        SCOPED_TRACE(testing::Message() << count << " of " << rows << " rows of " << columns);
        const torch::Tensor index = torch::randperm(rows).slice(0, 0, count);
        const torch::Tensor weights = torch::randn({count, columns});
        const torch::Tensor gathered = GatherRows(x, index);
        EXPECT_TRUE(gathered.equal(x.index_select(0, index)));
        x.mutable_grad() = torch::Tensor();
        gathered.backward(weights);
        EXPECT_TRUE(x.grad().equal(torch::zeros_like(x).index_copy(0, index, weights)));
        const torch::Tensor replacing = torch::randn({count, columns}).set_requires_grad(true);
        ReplaceRows(base, index, replacing).backward(base);
        EXPECT_TRUE(replacing.grad().equal(base.index_select(0, index)));
        // Parts of wider rows, as the halves of a product.
        const torch::Tensor part = torch::randn({count, columns + 3}).narrow(1, 2, columns);
        const torch::Tensor part_of_base = torch::randn({rows, columns + 3}).narrow(1, 1, columns);
        EXPECT_TRUE(ReplaceRows(part_of_base, index, part)
                        .equal(part_of_base.contiguous().index_copy(0, index, part)));
      }
    }
  }
}

TEST(RowOpsTest, MergePutsBothSetsBackAndOnlyTheFirstGetsAGradient) {
  torch::manual_seed(7);
  for (const torch::ScalarType type : {torch::kFloat, torch::kDouble}) {
    const torch::Tensor a = torch::randn({2, 3}, type).set_requires_grad(true);
    const torch::Tensor b = torch::randn({3, 3}, type).set_requires_grad(true);
    const torch::Tensor weights = torch::randn({5, 3}, type);
    const torch::Tensor all = MergeRows(a, torch::tensor({4, 1}, torch::kLong), b,
                                        torch::tensor({0, 3, 2}, torch::kLong));
    EXPECT_TRUE(all.equal(torch::stack({b[0], a[1], b[2], b[1], a[0]})));
    all.backward(weights);
    EXPECT_TRUE(a.grad().equal(torch::stack({weights[4], weights[1]})));
    EXPECT_FALSE(b.grad().defined());
  }
}

}  // namespace
}  // namespace sluice::gate
