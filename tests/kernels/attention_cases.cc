#include "tests/kernels/attention_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace sluice::kernels {
namespace {

constexpr double kTolerance = 2e-5;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

void ExpectNear(const std::vector<float>& got, const std::vector<float>& expected,
                const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], kTolerance * (1.0 + std::abs(expected[i]))) << what << i;
}

void ExpectLikeReference(const AttentionImplementation& run, const AttentionProblem& p) {
  SCOPED_TRACE(testing::Message() << p.queries << " queries, " << p.keys << " keys of "
                                  << p.head_dim);
  const AttentionOutcome got = RunAttention(run, p);
  const AttentionOutcome expected = RunAttention(AttentionReference(), p);
  ExpectNear(got.out, expected.out, "out ");
  ExpectNear(got.logsumexp, expected.logsumexp, "logsumexp ");
  ExpectNear(got.q, expected.q, "gradient of q ");
  ExpectNear(got.k, expected.k, "gradient of k ");
  ExpectNear(got.v, expected.v, "gradient of v ");
}

AttentionHead<float> HeadOf(const AttentionProblem& p) {
  return {.queries = p.queries,
          .keys = p.keys,
          .head_dim = p.head_dim,
          .q = p.q.data(),
          .q_stride = p.stride,
          .k = p.k.data(),
          .v = p.v.data(),
          .kv_stride = p.stride};
}

// `count` rows of float64 from float32, and back.
std::vector<double> Widen(const float* rows, int64_t count) {
  return std::vector<double>(rows, rows + count);
}
void Narrow(const std::vector<double>& from, float* to) { std::copy(from.begin(), from.end(), to); }

// A head whose rows are float64; `forward` and `backward` read and write it whole.
struct WideHead {
  explicit WideHead(const AttentionHead<float>& h)
      : q(Widen(h.q, h.queries * h.q_stride)),
        k(Widen(h.k, h.keys * h.kv_stride)),
        v(Widen(h.v, h.keys * h.kv_stride)),
        head{h.queries, h.keys, h.head_dim, q.data(), h.q_stride, k.data(), v.data(), h.kv_stride} {
  }
  std::vector<double> q, k, v;
  AttentionHead<double> head;
};

void ReferenceForward(const AttentionHead<float>& head, const AttentionResult<float>& result) {
  const WideHead wide(head);
  std::vector<double> out = Widen(result.out, head.queries * result.out_stride);
  std::vector<double> logsumexp(head.queries);
  AttentionForward(wide.head, {out.data(), result.out_stride, logsumexp.data()});
  Narrow(out, result.out);
  Narrow(logsumexp, result.logsumexp);
}

void ReferenceBackward(const AttentionHead<float>& head, const AttentionResult<const float>& result,
                       const AttentionGradient<float>& gradient) {
  const WideHead wide(head);
  const std::vector<double> out = Widen(result.out, head.queries * result.out_stride);
  const std::vector<double> logsumexp = Widen(result.logsumexp, head.queries);
  const std::vector<double> given = Widen(gradient.out, head.queries * gradient.out_stride);
  std::vector<double> q = Widen(gradient.q, head.queries * gradient.q_stride);
  std::vector<double> k = Widen(gradient.k, head.keys * gradient.kv_stride);
  std::vector<double> v = Widen(gradient.v, head.keys * gradient.kv_stride);
  AttentionBackward(wide.head, {out.data(), result.out_stride, logsumexp.data()},
                    {given.data(), gradient.out_stride, q.data(), gradient.q_stride, k.data(),
                     v.data(), gradient.kv_stride});
  Narrow(q, gradient.q);
  Narrow(k, gradient.k);
  Narrow(v, gradient.v);
}

}  // namespace

AttentionProblem DrawAttention(uint32_t seed, int64_t queries, int64_t keys, int64_t head_dim,
                               float width, int64_t gap) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const int64_t stride = head_dim + gap;
  const auto draw = [&](int64_t rows) {
    std::vector<float> values(rows * stride, kNaN);
    for (int64_t i = 0; i < rows * stride; ++i) {
      if (i % stride < head_dim) values[i] = width * normal(random);
    }
    return values;
  };
  AttentionProblem p{queries, keys, head_dim, stride, {}, {}, {}, {}};
  p.q = draw(queries);
  p.k = draw(keys);
  p.v = draw(keys);
  p.gradient = draw(queries);
  return p;
}

AttentionOutcome RunAttention(const AttentionImplementation& run, const AttentionProblem& p) {
  const auto rows = [&](int64_t count) { return std::vector<float>(count * p.stride, kUntouched); };
  AttentionOutcome to{rows(p.queries), std::vector<float>(p.queries, kUntouched), rows(p.queries),
                      rows(p.keys), rows(p.keys)};
  run.forward(HeadOf(p), {to.out.data(), p.stride, to.logsumexp.data()});
  run.backward(
      HeadOf(p), {to.out.data(), p.stride, to.logsumexp.data()},
      {p.gradient.data(), p.stride, to.q.data(), p.stride, to.k.data(), to.v.data(), p.stride});
  return to;
}

AttentionImplementation AttentionReference() { return {ReferenceForward, ReferenceBackward}; }

// By hand: products are divided by 4; scores of the query are log 2, 0, 0, its attention 1/2, 1/4,
// 1/4, and v is 8, 4, 0. The gradient of the first value is 1, so that of v is the attention, and
// that of the scores p (v - 5): 1.5, -0.25, -1.25.
void AttentionComputesTheFormula(const AttentionImplementation& run) {
  AttentionProblem p{1, 3, 16, 16, {}, {}, {}, {}};
  p.q.resize(16);
  p.gradient.resize(16);
  p.k.resize(48);
  p.v.resize(48);
  p.q[0] = 4.0f;
  p.k[0] = static_cast<float>(std::log(2.0));
  p.v[0] = 8.0f;
  p.v[16] = 4.0f;
  p.gradient[0] = 1.0f;
  const AttentionOutcome got = RunAttention(run, p);
  EXPECT_NEAR(got.logsumexp[0], std::log(4.0), 1e-6);
  EXPECT_NEAR(got.out[0], 5.0, 1e-5);
  EXPECT_NEAR(got.q[0], 0.25 * 1.5 * std::log(2.0), 1e-6);
  const std::vector<double> attention = {0.5, 0.25, 0.25}, scores = {1.5, -0.25, -1.25};
  for (size_t s = 0; s < 3; ++s) {
    EXPECT_NEAR(got.v[16 * s], attention[s], 1e-6) << s;
    EXPECT_NEAR(got.k[16 * s], scores[s], 1e-6) << s;
    EXPECT_EQ(got.k[16 * s + 1], 0.0f) << s;
  }
}

void AttentionFollowsTheReference(const AttentionImplementation& run) {
  for (const int64_t keys : {1, 2, 3, 8, 9, 13, 15, 16, 17, 33, 50, 64, 65}) {
    for (const int64_t queries : {1, 5, 6, 7, 12, 13, 25, 50, 65}) {
      const auto seed = static_cast<uint32_t>(100 * keys + queries);
      ExpectLikeReference(run, DrawAttention(seed, queries, keys, 16));
    }
  }
  for (const int64_t head_dim : {32, 48, 64, 80, 128, 256}) {
    const auto seed = static_cast<uint32_t>(head_dim);
    ExpectLikeReference(run, DrawAttention(seed, 14, 27, head_dim));
  }
  ExpectLikeReference(run, DrawAttention(1, 197, 197, 64));
  ExpectLikeReference(run, DrawAttention(2, 130, 1025, 32));
}

// Only differences of scores count; attention that is certain has a gradient of v alone.
void AttentionTakesScoresOfAnySize(const AttentionImplementation& run) {
  for (const float width : {0.01f, 3.0f})
    ExpectLikeReference(run, DrawAttention(3, 20, 40, 16, width));
  AttentionProblem p = DrawAttention(4, 3, 40, 16);
  std::fill(p.q.begin(), p.q.end(), 1.0f);
  for (size_t i = 0; i < p.k.size(); ++i) p.k[i] = i / 16 == 33 ? 300.0f : -300.0f;
  const AttentionOutcome got = RunAttention(run, p);
  for (size_t i = 0; i < got.out.size(); ++i) {
    EXPECT_EQ(got.out[i], p.v[33 * 16 + i % 16]);
    EXPECT_NEAR(got.q[i], 0.0, 1e-2);
  }
  for (size_t i = 0; i < got.v.size(); ++i) {
    const float sum = p.gradient[i % 16] + p.gradient[i % 16 + 16] + p.gradient[i % 16 + 32];
    EXPECT_NEAR(got.v[i], i / 16 == 33 ? sum : 0.0f, 1e-5);
  }
}

void AttentionWritesItsRowsAndNothingElse(const AttentionImplementation& run) {
  const AttentionProblem p = DrawAttention(5, 70, 21, 32, 1.0f, 11);
  const AttentionOutcome got = RunAttention(run, p);
  ExpectNear(got.out, RunAttention(AttentionReference(), p).out, "out ");
  for (const auto* rows : {&got.out, &got.q, &got.k, &got.v}) {
    for (size_t i = 0; i < rows->size(); ++i) {
      if (i % 43 >= 32) {
        ASSERT_EQ((*rows)[i], kUntouched) << i;
      } else {
        ASSERT_TRUE(std::isfinite((*rows)[i]) && (*rows)[i] != kUntouched) << i;
      }
    }
  }
}

void AttentionWithoutQueriesLeavesKeysWithoutGradient(const AttentionImplementation& run) {
  for (const int64_t keys : {0, 5}) {
    const AttentionOutcome got = RunAttention(run, DrawAttention(6, 0, keys, 16));
    EXPECT_EQ(got.k, std::vector<float>(keys * 16, 0.0f));
    EXPECT_EQ(got.v, std::vector<float>(keys * 16, 0.0f));
  }
}

// A query of NaN or infinity spoils its row and, in the backward, every key; a key spoils all.
void AttentionShowsWhatIsNoNumber(const AttentionImplementation& run) {
  const auto no_number = [](float x) { return std::isnan(x); };
  for (const float bad : {kNaN, std::numeric_limits<float>::infinity()}) {
    for (const int64_t row : {0, 7, 19}) {
      AttentionProblem p = DrawAttention(7, 20, 20, 16);
      for (float& key : p.k) key = std::abs(key);
      AttentionProblem keys = p;
      p.q[row * 16 + 3] = bad;
      const AttentionOutcome got = RunAttention(run, p);
      for (int64_t i = 0; i < 20 * 16; ++i) {
        ASSERT_EQ(std::isnan(got.out[i]), i / 16 == row) << i;
        ASSERT_EQ(std::isnan(got.q[i]), i / 16 == row) << i;
        ASSERT_EQ(std::isnan(got.logsumexp[i / 16]), i / 16 == row) << i;
      }
      EXPECT_TRUE(std::ranges::all_of(got.k, no_number));
      EXPECT_TRUE(std::ranges::all_of(got.v, no_number));
      for (float& query : keys.q) query = std::abs(query);
      keys.k[row * 16 + 3] = bad;
      const AttentionOutcome all = RunAttention(run, keys);
      for (const auto* values : {&all.out, &all.logsumexp, &all.q})
        EXPECT_TRUE(std::ranges::all_of(*values, no_number));
    }
  }
}

// Rows that were rounded after the forward may score more than their sums say. Gradients are large
// then, but never of the other sign or small for an exponent that ran over.
void AttentionBoundsProbabilitiesOfRoundedRows(const AttentionImplementation& run) {
  AttentionProblem p = DrawAttention(8, 1, 4, 16);
  std::fill(p.q.begin(), p.q.end(), 1.0f);
  std::fill(p.gradient.begin(), p.gradient.end(), 1.0f);
  const AttentionOutcome before = RunAttention(run, p);
  for (const float more : {0.5f, 5.0f, 60.0f, 300.0f}) {
    std::fill(p.k.begin(), p.k.end(), before.logsumexp[0] / 4.0f + more / 4.0f);
    std::vector<float> q(16), k(64), v(64);
    run.backward(HeadOf(p), {before.out.data(), 16, before.logsumexp.data()},
                 {p.gradient.data(), 16, q.data(), 16, k.data(), v.data(), 16});
    for (const float value : v) {
      if (more < 80.0f) {
        EXPECT_NEAR(value, std::exp(more), 1e-3 * std::exp(more));
      } else {
        EXPECT_GT(value, 1e37f);
      }
    }
  }
}

}  // namespace sluice::kernels
