#include "worker/gate/packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sluice::gate {
namespace {

using Values = std::vector<int64_t>;

// Three images of four patches: patches 1 and 3 open, none open, patch 0 open.
TEST(Packing, OrdersImagesByTheirOpenRowsAndLeavesOutClosedOnes) {
  const std::vector<uint8_t> open = {0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0};
  const PackedRows packed = Pack(open, 3, 4);
  EXPECT_EQ(packed.tokens_per_image, 5);
  EXPECT_EQ(packed.images, (Values{2, 0}));
  EXPECT_EQ(packed.token, (Values{0, 1, 0, 2, 4}));
  EXPECT_EQ(packed.rows, (Values{10, 11, 0, 2, 4}));
  EXPECT_EQ(packed.cls_rows, (Values{0, 2}));
  ASSERT_EQ(packed.groups.size(), 2u);
  EXPECT_EQ(packed.groups[0].first_image, 0);
  EXPECT_EQ(packed.groups[0].images, 1);
  EXPECT_EQ(packed.groups[0].first_row, 0);
  EXPECT_EQ(packed.groups[0].rows_per_image, 2);
  EXPECT_EQ(packed.groups[1].first_image, 1);
  EXPECT_EQ(packed.groups[1].images, 1);
  EXPECT_EQ(packed.groups[1].first_row, 2);
  EXPECT_EQ(packed.groups[1].rows_per_image, 3);
}

TEST(Packing, EquallyManyOpenRowsMakeOneGroupInTheOrderOfTheBatch) {
  const std::vector<uint8_t> open = {1, 0, 1, 1, 0, 1, 0, 1};
  const PackedRows packed = Pack(open, 4, 2);
  EXPECT_EQ(packed.images, (Values{0, 2, 3, 1}));
  ASSERT_EQ(packed.groups.size(), 2u);
  EXPECT_EQ(packed.groups[0].images, 3);
  EXPECT_EQ(packed.groups[0].rows_per_image, 2);
  EXPECT_EQ(packed.groups[1].first_row, 6);
  EXPECT_EQ(packed.groups[1].first_image, 3);
}

TEST(Packing, ThatAllIsOpenKeepsEveryRowInOrder) {
  const PackedRows packed = Pack(std::vector<uint8_t>(6, 1), 2, 3);
  EXPECT_EQ(packed.rows, (Values{0, 1, 2, 3, 4, 5, 6, 7}));
  ASSERT_EQ(packed.groups.size(), 1u);
  EXPECT_EQ(packed.groups[0].images, 2);
}

TEST(Packing, NothingOpenIsEmpty) {
  for (const int64_t images : {0, 3}) {
    const PackedRows packed = Pack(std::vector<uint8_t>(images * 4, 0), images, 4);
    EXPECT_EQ(packed.size(), 0);
    EXPECT_TRUE(packed.images.empty());
    EXPECT_TRUE(packed.groups.empty());
    EXPECT_TRUE(packed.cls_rows.empty());
  }
}

TEST(Packing, AnyValueButZeroIsOpen) {
  EXPECT_EQ(Pack(std::vector<uint8_t>{255, 0}, 1, 2).token, (Values{0, 1}));
}

// What the groups promise to attention: they tile images and rows, each with equally long runs.
void ExpectGroupsTile(const PackedRows& packed) {
  int64_t image = 0, row = 0, longest = 0;
  for (const PackedGroup& group : packed.groups) {
    EXPECT_EQ(group.first_image, image);
    EXPECT_EQ(group.first_row, row);
    EXPECT_GT(group.rows_per_image, longest) << "groups grow";
    longest = group.rows_per_image;
    for (int64_t i = 0; i < group.images; ++i) {
      EXPECT_EQ(packed.cls_rows[image + i], row + i * group.rows_per_image);
    }
    image += group.images;
    row += group.images * group.rows_per_image;
  }
  EXPECT_EQ(image, static_cast<int64_t>(packed.images.size()));
  EXPECT_EQ(row, packed.size());
}

TEST(Packing, AnyMaskIsPackedWhole) {
  constexpr int64_t kImages = 9, kPatches = 6;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::vector<uint8_t> open(kImages * kPatches);
    for (uint8_t& o : open) o = random() % 4 == 0;
    const PackedRows packed = Pack(open, kImages, kPatches);
    ExpectGroupsTile(packed);
    std::set<int64_t> expected;
    for (int64_t i = 0; i < kImages; ++i) {
      for (int64_t j = 0; j < kPatches; ++j) {
        if (open[i * kPatches + j] == 0) continue;
        expected.insert(i * (kPatches + 1));
        expected.insert(i * (kPatches + 1) + j + 1);
      }
    }
    EXPECT_EQ(std::set<int64_t>(packed.rows.begin(), packed.rows.end()), expected);
    ASSERT_EQ(packed.rows.size(), expected.size()) << "a row twice";
    for (size_t r = 0; r < packed.rows.size(); ++r) {
      EXPECT_EQ(packed.rows[r] % packed.tokens_per_image, packed.token[r]);
    }
  }
}

// Every inner row is found in the outer packing, and among the keys of its image.
void ExpectNested(const PackedRows& inner, const PackedRows& outer) {
  const NestedRows nested = Nest(inner, outer);
  ASSERT_EQ(nested.rows.size(), inner.rows.size());
  ASSERT_EQ(nested.slots.size(), inner.rows.size());
  for (size_t r = 0; r < inner.rows.size(); ++r) {
    EXPECT_EQ(outer.rows[nested.rows[r]], inner.rows[r]);
    EXPECT_EQ(nested.keys[nested.slots[r]], nested.rows[r]);
  }
  int64_t image = 0, row = 0, key = 0;
  for (const NestedGroup& group : nested.groups) {
    for (int64_t i = 0; i < group.images; ++i, ++image) {
      for (int64_t r = 0; r < group.rows_per_image; ++r, ++row)
        EXPECT_EQ(inner.rows[row] / inner.tokens_per_image, inner.images[image]);
      for (int64_t k = 0; k < group.keys_per_image; ++k, ++key)
        EXPECT_EQ(outer.rows[nested.keys[key]] / outer.tokens_per_image, inner.images[image]);
    }
  }
  EXPECT_EQ(row, inner.size());
  EXPECT_EQ(key, static_cast<int64_t>(nested.keys.size()));
  bool all = key == outer.size();
  for (int64_t k = 0; k < key; ++k) all = all && nested.keys[k] == k;
  EXPECT_EQ(nested.keys_are_all, all);
}

TEST(Packing, RowsAreFoundInAnyPackingThatHoldsThem) {
  constexpr int64_t kImages = 9, kPatches = 6;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::vector<uint8_t> outer_open(kImages * kPatches), inner_open(kImages * kPatches);
    for (size_t i = 0; i < outer_open.size(); ++i) {
      outer_open[i] = random() % 3 != 0;
      inner_open[i] = outer_open[i] != 0 && random() % 3 == 0;
    }
    const PackedRows all = PackAll(kImages, kPatches);
    const PackedRows outer = Pack(outer_open, kImages, kPatches);
    const PackedRows inner = Pack(inner_open, kImages, kPatches, outer.images);
    ExpectGroupsTile(inner);
    for (const PackedRows* in : {&inner, &outer, &all}) ExpectNested(*in, all);
    ExpectNested(inner, outer);
    ExpectNested(outer, outer);
  }
}

TEST(Packing, ImagesWithEquallyManyRowsKeepTheOrderAskedFor) {
  const std::vector<uint8_t> open = {1, 0, 0, 1, 1, 1};
  EXPECT_EQ(Pack(open, 3, 2, std::vector<int64_t>{2, 1, 0}).images, (Values{1, 0, 2}));
  EXPECT_EQ(Pack(open, 3, 2, std::vector<int64_t>{0, 1, 2}).images, (Values{0, 1, 2}));
}

TEST(Packing, ClosedRowsCompleteTheOpenOnesImageByImage) {
  const std::vector<uint8_t> open = {0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1};
  const PackedRows packed = Pack(open, 3, 4);
  const PackedRows closed = PackClosed(packed);
  EXPECT_EQ(closed.images, packed.images);
  EXPECT_EQ(closed.token, (Values{1, 3}));  // Image 2 has none.
  EXPECT_EQ(closed.rows, (Values{1, 3}));
  ASSERT_EQ(closed.groups.size(), 2u);
  EXPECT_EQ(closed.groups[0].rows_per_image, 2);
  EXPECT_EQ(closed.groups[1].rows_per_image, 0);
  EXPECT_EQ(closed.groups[1].first_image, 1);
}

}  // namespace
}  // namespace sluice::gate
