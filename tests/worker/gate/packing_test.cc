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
  EXPECT_EQ(packed.slots, (Values{0, 1, 5, 7, 9}));
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
  EXPECT_EQ(packed.slots, packed.rows);
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
    EXPECT_TRUE(std::is_sorted(packed.slots.begin(), packed.slots.end()));
    for (size_t r = 0; r < packed.rows.size(); ++r) {
      EXPECT_EQ(packed.rows[r] % packed.tokens_per_image, packed.token[r]);
      EXPECT_EQ(packed.slots[r] % packed.tokens_per_image, packed.token[r]);
      const int64_t position = packed.slots[r] / packed.tokens_per_image;
      EXPECT_EQ(packed.images[position], packed.rows[r] / packed.tokens_per_image);
    }
  }
}

}  // namespace
}  // namespace sluice::gate
