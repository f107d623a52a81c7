#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention.h"

// The reference in double precision against values that were computed by hand.
namespace sluice::kernels {
namespace {

using Values = std::vector<double>;

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
const double kLn3 = std::log(3.0);

// A problem whose rows are `stride` apart, with what is not a row undefined.
struct Problem {
  int64_t queries, keys, head_dim, stride;
  Values q, k, v, out_gradient;

  AttentionHead<double> head() const {
    return {queries, keys, head_dim, q.data(), stride, k.data(), v.data(), stride};
  }
};

struct Outcome {
  Values out, logsumexp, q, k, v;
};

Outcome Solve(const Problem& p) {
  const size_t rows = static_cast<size_t>(p.queries * p.stride);
  const size_t keys = static_cast<size_t>(p.keys * p.stride);
  Outcome o{Values(rows, kUndefined), Values(static_cast<size_t>(p.queries), kUndefined),
            Values(rows, kUndefined), Values(keys, kUndefined), Values(keys, kUndefined)};
  AttentionForward(p.head(), {o.out.data(), p.stride, o.logsumexp.data()});
  AttentionBackward(
      p.head(), {o.out.data(), p.stride, o.logsumexp.data()},
      {p.out_gradient.data(), p.stride, o.q.data(), p.stride, o.k.data(), o.v.data(), p.stride});
  return o;
}

void ExpectNear(const Values& got, const Values& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-14) << i;
}

// Probabilities 3/4 and 1/4 of values 4 and 8.
TEST(AttentionReference, ThreeToOneByHand) {
  const Outcome o = Solve({1, 2, 1, 1, {1.0}, {kLn3, 0.0}, {4.0, 8.0}, {2.0}});
  ExpectNear(o.out, {5.0});
  ExpectNear(o.logsumexp, {std::log(4.0)});
  ExpectNear(o.v, {1.5, 0.5});
  // p (dp - sum of p dp) = 3/4 (8 - 10) and 1/4 (16 - 10).
  ExpectNear(o.k, {-1.5, 1.5});
  ExpectNear(o.q, {-1.5 * kLn3});
}

TEST(AttentionReference, ProductsAndTheirGradientsAreDividedByTheRootOfTheHeadsWidth) {
  // The product with the first key is 2 ln 3, with the second 0.
  const Outcome o = Solve({1,
                           2,
                           4,
                           4,
                           {1.0, 1.0, 0.5, 0.0},
                           {kLn3, 0.5 * kLn3, kLn3, 7.0, 0.0, 0.0, 0.0, 7.0},
                           {4.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0},
                           {2.0, 0.0, 0.0, 0.0}});
  ExpectNear(o.out, {5.0, 0.0, 0.0, 0.0});
  ExpectNear(o.k, {-0.75, -0.75, -0.375, 0.0, 0.75, 0.75, 0.375, 0.0});
  ExpectNear(o.q, {-0.75 * kLn3, -0.375 * kLn3, -0.75 * kLn3, 0.0});
}

TEST(AttentionReference, GradientsOfKeysAreSumsOverQueriesAndRowsStandWhereStridesSay) {
  // The second query sees both keys alike: out 6, p (dp - mean) = 1/2 (4 - 6) and 1/2 (8 - 6).
  const Outcome o = Solve({2,
                           2,
                           1,
                           2,
                           {1.0, kUndefined, 0.0, kUndefined},
                           {kLn3, kUndefined, 0.0, kUndefined},
                           {4.0, kUndefined, 8.0, kUndefined},
                           {2.0, kUndefined, 1.0, kUndefined}});
  EXPECT_NEAR(o.out[0], 5.0, 1e-14);
  EXPECT_NEAR(o.out[2], 6.0, 1e-14);
  EXPECT_NEAR(o.v[0], 1.5 + 0.5, 1e-14);
  EXPECT_NEAR(o.v[2], 0.5 + 0.5, 1e-14);
  EXPECT_NEAR(o.k[0], -1.5, 1e-14);  // The second query is 0.
  EXPECT_NEAR(o.k[2], 1.5, 1e-14);
  EXPECT_NEAR(o.q[2], -kLn3, 1e-14);
  for (const Values* values : {&o.out, &o.q, &o.k, &o.v}) {
    EXPECT_TRUE(std::isnan((*values)[1]) && std::isnan((*values)[3])) << "what lies between rows";
  }
}

TEST(AttentionReference, KeysThatNobodyAsksForGetNoGradient) {
  const Outcome o = Solve({0, 2, 1, 1, {}, {1.0, 2.0}, {3.0, 4.0}, {}});
  ExpectNear(o.k, {0.0, 0.0});
  ExpectNear(o.v, {0.0, 0.0});
}

TEST(AttentionReference, LargeScoresDoNotOverflow) {
  const Outcome o = Solve({1, 2, 1, 1, {1e3}, {1e3, 0.0}, {4.0, 8.0}, {1.0}});
  ExpectNear(o.out, {4.0});
  ExpectNear(o.logsumexp, {1e6});
  ExpectNear(o.v, {1.0, 0.0});
}

TEST(AttentionReference, WhatIsNoNumberStaysVisible) {
  EXPECT_TRUE(std::isnan(Solve({1, 2, 1, 1, {1.0}, {kUndefined, 0.0}, {4.0, 8.0}, {1.0}}).out[0]));
}

}  // namespace
}  // namespace sluice::kernels
