#include "worker/model/attention.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "worker/memory/autocast.h"
#include "worker/memory/memory_meter.h"
#include "worker/memory/saved_tensors.h"

namespace sluice::model {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kDim = 48;
constexpr double kClose = 2e-5;

// Sequences of several lengths; one has no queries, one as many as keys.
std::vector<AttentionGroup> Nested() {
  return {{3, 0, 4}, {2, 1, 17}, {5, 7, 9}, {1, 70, 70}, {4, 13, 50}};
}
std::vector<AttentionGroup> Inside() { return {{4, 1, 1}, {3, 5, 5}, {2, 18, 18}, {1, 66, 66}}; }

int64_t Rows(const std::vector<AttentionGroup>& groups, int64_t AttentionGroup::*each) {
  int64_t rows = 0;
  for (const AttentionGroup& group : groups) rows += group.sequences * group.*each;
  return rows;
}

// Row after row, LibTorch's attention of each sequence alone.
torch::Tensor AttendOneByOne(const torch::Tensor& q, const torch::Tensor& kv,
                             const std::vector<AttentionGroup>& groups) {
  std::vector<torch::Tensor> parts;
  int64_t query = 0, key = 0;
  const auto split = [](const torch::Tensor& x) {
    return x.unflatten(-1, {kHeads, x.size(-1) / kHeads}).transpose(0, 1).unsqueeze(0);
  };
  for (const AttentionGroup& group : groups) {
    for (int64_t i = 0; i < group.sequences; ++i) {
      const std::vector<torch::Tensor> pair = kv.narrow(0, key, group.keys).chunk(2, 1);
      const torch::Tensor rows = q.narrow(0, query, group.queries);
      if (group.queries > 0) {
        parts.push_back(
            at::scaled_dot_product_attention(split(rows), split(pair[0]), split(pair[1]))
                .squeeze(0)
                .transpose(0, 1)
                .flatten(1));
      }
      query += group.queries;
      key += group.keys;
    }
  }
  return at::cat(parts);
}

// Weights that differ from value to value, so that no part of a gradient is lost in a sum.
torch::Tensor Weights(const torch::Tensor& y) {
  return torch::arange(1, y.numel() + 1, y.options().requires_grad(false)).reshape(y.sizes()).sin();
}

double MostOf(const torch::Tensor& x) { return x.abs().max().item<double>(); }

// Of a result and its gradients by float64 on the same values.
void ExpectLike(const torch::Tensor& got, const std::vector<torch::Tensor>& inputs,
                const torch::Tensor& expected, const std::vector<torch::Tensor>& wide) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  EXPECT_LE(MostOf(got - expected), kClose);
  const auto a = torch::autograd::grad({(got * Weights(got)).sum()}, inputs);
  const auto b = torch::autograd::grad({(expected * Weights(expected)).sum()}, wide);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_LE(MostOf(a[i] - b[i]), kClose) << i;
    EXPECT_GT(MostOf(b[i]), 1e-2) << i;
  }
}

torch::Tensor Draw(int64_t rows, int64_t columns) {
  return torch::randn({rows, columns}).requires_grad_();
}

torch::Tensor Wide(const torch::Tensor& x) {
  return x.detach().to(torch::kDouble).requires_grad_();
}

TEST(AttentionTest, RaggedRowsAreAttendedToSequenceBySequence) {
  torch::manual_seed(1);
  const torch::Tensor qkv = Draw(Rows(Inside(), &AttentionGroup::queries), 3 * kDim);
  const torch::Tensor wide = Wide(qkv);
  const std::vector<torch::Tensor> parts = at::split_with_sizes(wide, {kDim, 2 * kDim}, 1);
  ExpectLike(AttendRows(qkv, Inside(), kHeads), {qkv}, AttendOneByOne(parts[0], parts[1], Inside()),
             {wide});
}

TEST(AttentionTest, QueriesMaySeeMoreKeysThanThereAreOfThem) {
  torch::manual_seed(2);
  const torch::Tensor q = Draw(Rows(Nested(), &AttentionGroup::queries), kDim);
  const torch::Tensor kv = Draw(Rows(Nested(), &AttentionGroup::keys), 2 * kDim);
  const torch::Tensor wide_q = Wide(q), wide_kv = Wide(kv);
  ExpectLike(AttendRows(q, kv, Nested(), kHeads), {q, kv},
             AttendOneByOne(wide_q, wide_kv, Nested()), {wide_q, wide_kv});
}

TEST(AttentionTest, RowsMayStandApart) {
  torch::manual_seed(3);
  const std::vector<AttentionGroup> groups = {{2, 5, 5}};
  const torch::Tensor x = Draw(10, 4 * kDim), wide = Wide(x), turned = Draw(3 * kDim, 10);
  const auto attend = [&](const torch::Tensor& rows) {
    return AttendRows(rows.narrow(1, 0, kDim), rows.narrow(1, 2 * kDim, 2 * kDim), groups, kHeads);
  };
  ExpectLike(attend(x), {x},
             AttendOneByOne(wide.narrow(1, 0, kDim), wide.narrow(1, 2 * kDim, 2 * kDim), groups),
             {wide});
  EXPECT_TRUE(AttendRows(turned.t(), groups, kHeads)
                  .equal(AttendRows(turned.t().contiguous(), groups, kHeads)));
}

// The sum of all rows has a gradient that stands in memory once for all of them.
TEST(AttentionTest, AGradientMayBeExpanded) {
  torch::manual_seed(4);
  const torch::Tensor qkv = Draw(Rows(Inside(), &AttentionGroup::queries), 3 * kDim);
  const torch::Tensor y = AttendRows(qkv, Inside(), kHeads);
  const auto expanded = torch::autograd::grad({y.sum()}, {qkv}, {}, true);
  EXPECT_TRUE(expanded[0].equal(torch::autograd::grad({y}, {qkv}, {torch::ones_like(y)})[0]));
}

TEST(AttentionTest, ThreadsAndOtherSequencesChangeNoBit) {
  torch::manual_seed(5);
  const torch::Tensor q = Draw(Rows(Nested(), &AttentionGroup::queries), kDim);
  const torch::Tensor kv = Draw(Rows(Nested(), &AttentionGroup::keys), 2 * kDim);
  const auto run = [](const torch::Tensor& rows, const torch::Tensor& keys,
                      const std::vector<AttentionGroup>& groups) {
    const torch::Tensor y = AttendRows(rows, keys, groups, kHeads);
    auto all = torch::autograd::grad({(y * y).sum()}, {rows, keys});
    all.push_back(y);
    return all;
  };
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run(q, kv, Nested());
  for (const int threads : {2, 3}) {
    at::set_num_threads(threads);
    const auto several = run(q, kv, Nested());
    for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].equal(several[i])) << i;
  }
  at::set_num_threads(before);
  const AttentionGroup last = Nested().back();
  const auto alone =
      run(q.detach().slice(0, -last.sequences * last.queries).clone().requires_grad_(),
          kv.detach().slice(0, -last.sequences * last.keys).clone().requires_grad_(), {last});
  for (size_t i = 0; i < one.size(); ++i)
    EXPECT_TRUE(one[i].slice(0, -alone[i].size(0)).equal(alone[i])) << i;
}

TEST(AttentionTest, NoRowsGiveNoRows) {
  EXPECT_EQ(AttendRows(torch::randn({0, 3 * kDim}), {}, kHeads).sizes(),
            (std::vector<int64_t>{0, kDim}));
}

// What LibTorch's attention keeps: rows as memory.activations says, sums as they are.
TEST(AttentionTest, KeepsItsRowsInTheirSettingsFormAndNothingElse) {
  torch::manual_seed(6);
  const int64_t rows = 8 * 32;
  const std::vector<AttentionGroup> groups = {{8, 32, 32}};
  const auto held = [&](memory::Storage storage) {
    memory::Settings settings;
    settings.activations = storage;
    const torch::Tensor x = torch::randn({rows, 3 * kDim}).requires_grad_();
    const memory::MemoryMeter meter;
    torch::Tensor y;
    {
      const memory::SavedTensors saved(settings, {});
      y = AttendRows(x * 1.0, groups, kHeads).sum();
    }
    const int64_t bytes = meter.held();
    y.backward();
    EXPECT_TRUE(x.grad().defined());
    y.reset();
    // The gradient is all that is left.
    EXPECT_LE(meter.held(), 4 * rows * 3 * kDim + 64);
    return bytes;
  };
  const int64_t sums = 4 * rows * kHeads, values = rows * 4 * kDim;
  EXPECT_NEAR(held(memory::Storage::kFloat32), 4 * values + sums, 256);
  EXPECT_NEAR(held(memory::Storage::kBFloat16), 2 * values + sums, 256);
}

// A step that ends without a backward, as one that was found to be wrong does.
TEST(AttentionTest, AResultDoesNotHoldTheGraphThatItIsPartOf) {
  const torch::Tensor x = torch::randn({64, 3 * kDim}).requires_grad_();
  const memory::MemoryMeter meter;
  torch::Tensor y = AttendRows(x * 1.0, {{2, 32, 32}}, kHeads);
  EXPECT_GT(meter.held(), 0);
  y.reset();
  EXPECT_EQ(meter.held(), 0);
}

TEST(AttentionTest, TakesFloat32OnTheCpuAlone) {
  const std::vector<AttentionGroup> groups = {{1, 2, 2}};
  const torch::Tensor rows = torch::randn({2, kDim});
  EXPECT_TRUE(HasAttentionKernel(rows, kDim, kHeads, groups));
  EXPECT_FALSE(HasAttentionKernel(rows.to(torch::kDouble), kDim, kHeads, groups));
  EXPECT_FALSE(HasAttentionKernel(rows.to(torch::kBFloat16), kDim, kHeads, groups));
  EXPECT_FALSE(HasAttentionKernel(rows, kDim, 2, groups));
  EXPECT_FALSE(HasAttentionKernel(rows, kDim, 5, groups));
  EXPECT_FALSE(HasAttentionKernel(rows, kDim, kHeads, {{1, 2, 5000}}));
  const memory::Autocast autocast(torch::kCPU, true);
  EXPECT_FALSE(HasAttentionKernel(rows, kDim, kHeads, groups));
}

}  // namespace
}  // namespace sluice::model
