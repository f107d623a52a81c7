#include "worker/gate/ragged.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/model/small_vit.h"

namespace sluice::gate {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kWidth = 12;  // Of all heads together.
constexpr double kExact = 1e-12;

torch::Tensor DrawRows(int64_t rows, int64_t columns) {
  return torch::randn({rows, columns}, torch::kDouble).requires_grad_();
}

// Five images of four patches with 2, 0, 4, 2 and 1 open: one image is left out, two share a group.
PackedRows FiveImages() {
  const std::vector<uint8_t> open = {0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1};
  return Pack(open, 5, 4);
}

// Of the same images with one patch less in some: 1, 0, 2, 2, 1.
PackedRows FewerOfThem() {
  const std::vector<uint8_t> open = {0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1};
  return Pack(open, 5, 4);
}

// Attention of one image: q [n, D], k and v [m, D] -> [n, D].
torch::Tensor AttendAlone(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  const auto split = [](const torch::Tensor& x) {
    return x.reshape({x.size(0), kHeads, kWidth / kHeads}).transpose(0, 1).unsqueeze(0);
  };
  return at::scaled_dot_product_attention(split(q), split(k), split(v))[0].transpose(0, 1).reshape(
      {q.size(0), kWidth});
}

// Number of rows of each packed image, from where its class tokens stand.
std::vector<int64_t> RowsOfImages(const PackedRows& packed) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < packed.cls_rows.size(); ++i) {
    const bool last = i + 1 == packed.cls_rows.size();
    sizes.push_back((last ? packed.size() : packed.cls_rows[i + 1]) - packed.cls_rows[i]);
  }
  return sizes;
}

// Gradients of sum(y * weights) for `inputs`.
std::vector<torch::Tensor> WeightedGradients(const torch::Tensor& y,
                                             const std::vector<torch::Tensor>& inputs) {
  const torch::Tensor weights =
      torch::arange(1, y.numel() + 1, torch::kDouble).reshape(y.sizes()).sin();
  return torch::autograd::grad({(y * weights).sum()}, inputs);
}

void ExpectSameRowsAndGradients(const torch::Tensor& got, const torch::Tensor& expected,
                                const std::vector<torch::Tensor>& inputs) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  EXPECT_LE((got - expected).abs().max().item<double>(), kExact);
  const auto a = WeightedGradients(got, inputs), b = WeightedGradients(expected, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_LE((a[i] - b[i]).abs().max().item<double>(), kExact) << i;
    EXPECT_GT(b[i].abs().max().item<double>(), 1e-3) << i;
  }
}

TEST(RaggedTest, AttendInsideIsAttentionImageByImage) {
  torch::manual_seed(1);
  for (const PackedRows& packed : {FiveImages(), PackAll(3, 4), PackAll(1, 1)}) {
    const torch::Tensor qkv = DrawRows(packed.size(), 3 * kWidth);
    std::vector<torch::Tensor> images;
    for (const torch::Tensor& rows : qkv.split_with_sizes(RowsOfImages(packed))) {
      const std::vector<torch::Tensor> parts = rows.chunk(3, 1);
      images.push_back(AttendAlone(parts[0], parts[1], parts[2]));
    }
    ExpectSameRowsAndGradients(AttendInside(qkv, packed, kHeads), torch::cat(images), {qkv});
  }
}

TEST(RaggedTest, AttendNestedSeesAllOuterRowsOfItsImage) {
  torch::manual_seed(2);
  const PackedRows outer = FiveImages();
  for (const PackedRows& inner : {FewerOfThem(), FiveImages()}) {
    const NestedRows nested = Nest(inner, outer);
    const torch::Tensor q = DrawRows(inner.size(), kWidth);
    const torch::Tensor kv = DrawRows(static_cast<int64_t>(nested.keys.size()), 2 * kWidth);
    // Keys by the outer packing, found by image.
    const std::vector<int64_t> outer_sizes = RowsOfImages(outer), sizes = RowsOfImages(inner);
    std::vector<torch::Tensor> images;
    int64_t query = 0, key = 0;
    for (size_t i = 0; i < inner.images.size(); ++i) {
      const auto at = std::find(outer.images.begin(), outer.images.end(), inner.images[i]);
      const int64_t keys = outer_sizes[at - outer.images.begin()];
      const std::vector<torch::Tensor> parts = kv.narrow(0, key, keys).chunk(2, 1);
      images.push_back(AttendAlone(q.narrow(0, query, sizes[i]), parts[0], parts[1]));
      query += sizes[i];
      key += keys;
    }
    ExpectSameRowsAndGradients(AttendNested(q, kv, nested.groups, kHeads), torch::cat(images),
                               {q, kv});
  }
}

TEST(RaggedTest, NoImageSeesAnotherOne) {
  torch::manual_seed(3);
  const PackedRows packed = FiveImages();
  const torch::Tensor qkv = DrawRows(packed.size(), 3 * kWidth);
  // The second image's rows alone depend on what stands in its rows.
  const int64_t first = packed.cls_rows[1], end = packed.cls_rows[2];
  const torch::Tensor y = AttendInside(qkv, packed, kHeads).slice(0, first, end);
  const torch::Tensor gradient = WeightedGradients(y, {qkv})[0];
  EXPECT_EQ(gradient.slice(0, 0, first).abs().max().item<double>(), 0.0);
  EXPECT_EQ(gradient.slice(0, end).abs().max().item<double>(), 0.0);
}

TEST(RaggedTest, GroupsAreViewsOfTheirRows) {
  const PackedRows packed = FiveImages();
  const torch::Tensor rows = torch::arange(packed.size() * 2).reshape({-1, 2});
  const std::vector<torch::Tensor> parts = SplitRows(rows, packed.groups);
  ASSERT_EQ(parts.size(), 3u);
  int64_t row = 0;
  for (size_t g = 0; g < parts.size(); ++g) {
    const PackedGroup& group = packed.groups[g];
    ASSERT_EQ(parts[g].sizes(), (std::vector<int64_t>{group.images, group.rows_per_image, 2}));
    EXPECT_EQ(parts[g].const_data_ptr(), rows[row].const_data_ptr()) << "a copy";
    row += group.images * group.rows_per_image;
  }
}

TEST(RaggedTest, TheMeanOfPatchesLeavesOutTheClassToken) {
  const PackedRows packed = FiveImages();
  // Image by image 1, 2, 2, 4 patches; each row is its number.
  const torch::Tensor rows = torch::arange(packed.size(), torch::kDouble).unsqueeze(1);
  EXPECT_TRUE(MeanOfPatches(rows, packed)
                  .equal(torch::tensor({1.0, 3.5, 6.5, 10.5}, torch::kDouble).unsqueeze(1)));
}

TEST(RaggedTest, AnIndexHasItsValuesAndDevice) {
  const torch::Tensor index = IndexTensor({4, 0, 7}, torch::kCPU);
  EXPECT_TRUE(index.equal(torch::tensor({4, 0, 7}, torch::kLong)));
  EXPECT_EQ(IndexTensor({}, torch::kCPU).numel(), 0);
}

// Packed rows through the blocks give what the dense model gives of each image's rows alone.
TEST(RaggedTest, BlocksOverPackedRowsAreThoseOverEachImage) {
  const PackedRows packed = FiveImages();
  for (const model::Pool pool : {model::Pool::kClassToken, model::Pool::kMean}) {
    torch::manual_seed(4);
    model::Vit vit(model::testing::SmallConfig(pool, true));
    vit->to(torch::kDouble);
    for (const int64_t first_block : {0, 2, 3}) {
      const torch::Tensor x = DrawRows(packed.size(), vit->config().dim);
      std::vector<torch::Tensor> images;
      for (const torch::Tensor& rows : x.split_with_sizes(RowsOfImages(packed)))
        images.push_back(vit->PoolFrom(first_block, rows.unsqueeze(0)));
      ExpectSameRowsAndGradients(RunToPool(vit, first_block, x, packed), torch::cat(images), {x});
    }
  }
}

}  // namespace
}  // namespace sluice::gate
