#include "tests/kernels/attention_entropy_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sluice::kernels {
namespace {

// Products of float32 with an error of 1e-6, and sums of them; divided by log(keys).
constexpr double kAttentionTolerance = 2e-6;

// q, k and v of every token side by side.
AttentionShape PackedQkv(int64_t images, int64_t tokens, int64_t heads, int64_t head_dim,
                         int64_t first_query = 0) {
  const int64_t row = 3 * heads * head_dim;
  return {images, tokens, heads, head_dim, row, tokens * row, first_query};
}

int64_t AttentionWidth(const AttentionShape& shape) { return shape.heads * shape.head_dim; }

std::vector<float> DrawQkv(const AttentionShape& shape, float width, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> qkv(shape.images * shape.image_stride);
  for (float& x : qkv) x = width * normal(random);
  return qkv;
}

std::vector<float> EntropyWith(const AttentionEntropyImplementation& run,
                               const AttentionShape& shape, const std::vector<float>& qkv) {
  // One value more, which must stay.
  std::vector<float> entropy(shape.images * shape.heads * shape.queries() + 1, -3.0f);
  run(shape, qkv.data(), qkv.data() + AttentionWidth(shape), entropy.data());
  EXPECT_EQ(entropy.back(), -3.0f);
  entropy.pop_back();
  return entropy;
}

void ExpectLikeReference(const AttentionEntropyImplementation& run, const AttentionShape& shape,
                         const std::vector<float>& qkv) {
  SCOPED_TRACE(testing::Message() << shape.tokens << " tokens, " << shape.heads << " heads of "
                                  << shape.head_dim << ", first query " << shape.first_query);
  const std::vector<float> got = EntropyWith(run, shape, qkv);
  const std::vector<double> wide(qkv.begin(), qkv.end());
  std::vector<double> expected(got.size());
  AttentionEntropy(shape, wide.data(), wide.data() + AttentionWidth(shape), expected.data());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::isnan(got[i]), std::isnan(expected[i])) << i;
    if (std::isnan(got[i])) continue;
    ASSERT_NEAR(got[i], expected[i], kAttentionTolerance) << i;
    ASSERT_GE(got[i], 0.0f);
    ASSERT_LE(got[i], 1.0f);
  }
}

}  // namespace

// By hand, head dimension 4, so that products are halved: scores of the query (2, 0, 0, 0) are
// log 2, 0, 0, and its attention 1/2, 1/4, 1/4.
void AttentionEntropyComputesTheFormula(const AttentionEntropyImplementation& run) {
  const AttentionShape shape = PackedQkv(1, 3, 1, 4);
  std::vector<float> qkv(3 * 12);
  for (int t = 0; t < 3; ++t) qkv[t * 12] = 2.0f;
  qkv[4] = static_cast<float>(std::log(2.0));
  for (const float entropy : EntropyWith(run, shape, qkv))
    EXPECT_NEAR(entropy, 1.5 * std::log(2.0) / std::log(3.0), kAttentionTolerance);
}

void AttentionEntropyFollowsTheReference(const AttentionEntropyImplementation& run) {
  for (const int64_t tokens : {2, 3, 4, 5, 15, 16, 17, 31, 33, 50, 64, 65, 67, 130, 197}) {
    for (const int64_t first_query : {0, 1}) {
      for (const float width : {0.2f, 1.0f}) {
        const AttentionShape shape = PackedQkv(2, tokens, 3, 8, first_query);
        ExpectLikeReference(run, shape, DrawQkv(shape, width, static_cast<uint32_t>(tokens)));
      }
    }
  }
  for (const int64_t head_dim : {1, 2, 3, 17, 64}) {
    const AttentionShape shape = PackedQkv(1, 70, 2, head_dim);
    ExpectLikeReference(run, shape, DrawQkv(shape, 1.0f, static_cast<uint32_t>(head_dim)));
  }
}

// Only differences of scores count, wherever among the keys the largest stands; and probabilities
// of 0 add nothing.
void AttentionEntropyTakesProductsOfAnySize(const AttentionEntropyImplementation& run) {
  const AttentionShape shape = PackedQkv(1, 150, 1, 1);
  for (const float step : {-3.0f, -0.01f, 0.01f, 3.0f}) {
    std::vector<float> qkv(shape.image_stride);
    for (int t = 0; t < 150; ++t) {
      qkv[3 * t] = t % 2 == 0 ? 1.0f : -1.0f;
      qkv[3 * t + 1] = 1000.0f + step * static_cast<float>(t);  // Rises or falls over the strips.
    }
    ExpectLikeReference(run, shape, qkv);
  }
  std::vector<float> certain(shape.image_stride, 1e15f);
  for (int t = 0; t < 150; ++t) certain[3 * t + 1] = t == 77 ? 1e15f : -1e15f;
  for (const float entropy : EntropyWith(run, shape, certain)) EXPECT_EQ(entropy, 0.0f);
}

void AttentionEntropyOfOneKeyIsZero(const AttentionEntropyImplementation& run) {
  const AttentionShape shape = PackedQkv(3, 1, 2, 5);
  for (const float entropy : EntropyWith(run, shape, DrawQkv(shape, 1.0f, 1)))
    EXPECT_EQ(entropy, 0.0f);
  const AttentionShape none = PackedQkv(3, 1, 2, 5, 1);
  EXPECT_TRUE(EntropyWith(run, none, DrawQkv(none, 1.0f, 2)).empty());
  run(PackedQkv(0, 4, 2, 5), nullptr, nullptr, nullptr);
}

void AttentionEntropyMarksRowsWithoutAttention(const AttentionEntropyImplementation& run) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const AttentionShape shape = PackedQkv(1, 70, 1, 1);
  for (const float bad : {nan, infinity}) {
    for (const int token : {0, 5, 66, 69}) {
      std::vector<float> query(shape.image_stride, 1.0f);
      query[3 * token] = bad;
      ExpectLikeReference(run, shape, query);
      const std::vector<float> got = EntropyWith(run, shape, query);
      for (int t = 0; t < 70; ++t) EXPECT_EQ(std::isnan(got[t]), t == token) << t;
      std::vector<float> key(shape.image_stride, 1.0f);
      key[3 * token + 1] = bad;
      for (const float entropy : EntropyWith(run, shape, key)) EXPECT_TRUE(std::isnan(entropy));
    }
  }
  std::vector<float> some(shape.image_stride, 1.0f), all = some;
  for (int t = 0; t < 66; ++t) some[3 * t + 1] = -infinity;
  for (int t = 0; t < 70; ++t) all[3 * t + 1] = -infinity;
  ExpectLikeReference(run, shape, some);
  for (const float entropy : EntropyWith(run, shape, some))
    EXPECT_NEAR(entropy, std::log(4.0) / std::log(70.0), kAttentionTolerance);
  for (const float entropy : EntropyWith(run, shape, all)) EXPECT_TRUE(std::isnan(entropy));
}

// Rows in a matrix with more columns, images with room between them: what stands there is NaN.
void AttentionEntropyReadsStridedRowsAndNothingElse(const AttentionEntropyImplementation& run) {
  AttentionShape shape = PackedQkv(2, 21, 2, 8);
  const std::vector<float> packed = DrawQkv(shape, 1.0f, 9);
  const std::vector<float> expected = EntropyWith(run, shape, packed);
  const AttentionShape before = shape;
  shape.row_stride += 5;
  shape.image_stride = 21 * shape.row_stride + 7;
  std::vector<float> spread(2 * shape.image_stride, std::numeric_limits<float>::quiet_NaN());
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t t = 0; t < 21; ++t) {
      // Without v.
      std::copy_n(packed.begin() + i * before.image_stride + t * before.row_stride,
                  2 * AttentionWidth(shape),
                  spread.begin() + i * shape.image_stride + t * shape.row_stride);
    }
  }
  EXPECT_EQ(EntropyWith(run, shape, spread), expected);
}

}  // namespace sluice::kernels
