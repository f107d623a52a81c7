#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention_entropy.h"

// The reference in double precision against values that were computed by hand.
namespace sluice::kernels {
namespace {

constexpr double kLimitless = std::numeric_limits<double>::infinity();
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
const double kLn3 = std::log(3.0);
// Of probabilities 3/4 and 1/4, in bits.
const double kThreeToOne = 2.0 - 0.75 * std::log2(3.0);

// Of one query [1] and keys [T, 1]: the first row of one image's only head.
double EntropyOfQuery(double query, const std::vector<double>& keys) {
  const auto tokens = static_cast<int64_t>(keys.size());
  std::vector<double> queries(tokens, 0.0), entropy(tokens, -1.0);
  queries[0] = query;
  AttentionEntropy({1, tokens, 1, 1, 1, tokens}, queries.data(), keys.data(), entropy.data());
  return entropy[0];
}

TEST(AttentionEntropyReference, ThreeToOneByHand) {
  EXPECT_NEAR(EntropyOfQuery(1.0, {kLn3, 0.0}), kThreeToOne, 1e-14);
  // Weights 1/2, 1/4, 1/8, 1/8: 1.75 bits of 2.
  const double ln2 = std::log(2.0);
  EXPECT_NEAR(EntropyOfQuery(ln2, {2.0, 1.0, 0.0, 0.0}), 0.875, 1e-14);
}

TEST(AttentionEntropyReference, ProductsAreDividedByTheRootOfTheHeadsWidth) {
  // Two tokens of four channels: the query's product with the first key is 2 ln 3, with the second
  // 0; the second query is 0 and sees both alike.
  const std::vector<double> q = {1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0};
  const std::vector<double> k = {kLn3, 0.5 * kLn3, kLn3, 7.0, 0.0, 0.0, 0.0, 7.0};
  double entropy[2] = {-1.0, -1.0};
  AttentionEntropy({1, 2, 1, 4, 4, 8}, q.data(), k.data(), entropy);
  EXPECT_NEAR(entropy[0], kThreeToOne, 1e-14);
  EXPECT_EQ(entropy[1], 1.0);
}

TEST(AttentionEntropyReference, EvenAttentionIsOne) {
  for (const double key : {0.0, 1e300, -1e300}) {
    EXPECT_NEAR(EntropyOfQuery(1.0, {key, key, key}), 1.0, 1e-14) << key;
    EXPECT_LE(EntropyOfQuery(1.0, {key, key, key}), 1.0) << key;
  }
}

TEST(AttentionEntropyReference, ARowThatIsOneHotIsZero) {
  EXPECT_EQ(EntropyOfQuery(1.0, {1e4, 0.0, -5.0}), 0.0);
  EXPECT_EQ(EntropyOfQuery(1.0, {-1e308, 1e308, 0.0}), 0.0);
  EXPECT_EQ(EntropyOfQuery(-1.0, {1e308, -1e308, 0.0}), 0.0);
}

TEST(AttentionEntropyReference, AKeyOfNoWeightAddsNothing) {
  EXPECT_NEAR(EntropyOfQuery(1.0, {kLn3, 0.0, -kLimitless}), kThreeToOne / std::log2(3.0), 1e-14);
}

TEST(AttentionEntropyReference, OneKeyIsZeroUnlessItIsNoNumber) {
  EXPECT_EQ(EntropyOfQuery(1.0, {1e308}), 0.0);
  EXPECT_EQ(EntropyOfQuery(0.0, {0.0}), 0.0);
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1.0, {kUndefined})));
}

TEST(AttentionEntropyReference, WhatIsNoDistributionIsNoNumber) {
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1.0, {0.0, kUndefined})));
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1.0, {kUndefined, 0.0})));
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1.0, {0.0, kLimitless})));
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1e200, {0.0, 1e200})));  // The product overflows.
  EXPECT_TRUE(std::isnan(EntropyOfQuery(1.0, {-kLimitless, -kLimitless})));
}

// Two images, two heads of one channel, three tokens, rows of 5 elements and images of 17: what
// lies between them must not be read as a key.
TEST(AttentionEntropyReference, HeadsTokensAndImagesStandWhereStridesSay) {
  const AttentionShape shape{2, 3, 2, 1, 5, 17, 1};
  std::vector<double> q(2 * 17, kUndefined), k(2 * 17, kUndefined);
  for (int image = 0; image < 2; ++image) {
    for (int token = 0; token < 3; ++token) {
      for (int head = 0; head < 2; ++head) {
        const int at = image * 17 + token * 5 + head;
        q[at] = token;  // Query 0 is not asked for; 2 is twice 1.
        // Image 0: head 0 even, head 1 two keys; image 1: head 0 one-hot, head 1 three to one.
        const double keys[2][2][3] = {{{0, 0, 0}, {0, 0, -kLimitless}},
                                      {{1e6, 0, 0}, {kLn3, 0, -kLimitless}}};
        k[at] = keys[image][head][token];
      }
    }
  }
  std::vector<double> entropy(8, -1.0);
  AttentionEntropy(shape, q.data(), k.data(), entropy.data());
  const double two = 1.0 / std::log2(3.0);
  const double nine_to_one = -(0.9 * std::log2(0.9) + 0.1 * std::log2(0.1));
  const std::vector<double> expected = {
      1.0, 1.0, two, two, 0.0, 0.0, kThreeToOne * two, nine_to_one * two};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(entropy[i], expected[i], 1e-14) << i;
}

}  // namespace
}  // namespace sluice::kernels
