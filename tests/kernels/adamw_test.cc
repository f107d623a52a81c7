#include "kernels/adamw.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace sluice::kernels {
namespace {

// Parameter, gradient and moments of one call.
template <typename T>
struct State {
  std::vector<T> p, g, m, v;

  void Run(const AdamWCoefficients& c, const RowRange& range, int64_t offset = 0) {
    AdamW(c, range, p.data() + offset, g.data() + offset, m.data() + offset, v.data() + offset);
  }
  bool operator==(const State&) const = default;
};

State<float> Draw(uint32_t seed, int64_t size) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  State<float> s;
  for (int64_t i = 0; i < size; ++i) {
    s.p.push_back(normal(random));
    s.g.push_back(normal(random));
    s.m.push_back(0.1f * normal(random));
    s.v.push_back(0.01f + std::abs(normal(random)));
  }
  return s;
}

State<double> Widen(const State<float>& s) {
  return {{s.p.begin(), s.p.end()},
          {s.g.begin(), s.g.end()},
          {s.m.begin(), s.m.end()},
          {s.v.begin(), s.v.end()}};
}

// Every coefficient away from its default.
AdamWCoefficients Unusual() {
  AdamWCoefficients c;
  c.lr = 0.05;
  c.beta1 = 0.8;
  c.beta2 = 0.95;
  c.epsilon = 1e-3;
  c.weight_decay = 0.3;
  c.correction1 = 1.0 - std::pow(0.8, 3);
  c.correction2 = 1.0 - std::pow(0.95, 3);
  c.grad_scale = 1.0 / 37.0;
  c.update_scale = 4.5;
  return c;
}

// A dozen roundings of float32 on values near 1.
constexpr double kTolerance = 2e-6;

void ExpectNear(const std::vector<float>& got, const std::vector<double>& expected,
                const char* what) {
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], kTolerance * std::max(1.0, std::abs(expected[i])))
        << what << "[" << i << "] of " << got.size();
  }
}

void ExpectLikeReference(const AdamWCoefficients& c, const RowRange& range, int64_t size) {
  State<float> s = Draw(static_cast<uint32_t>(size), size);
  State<double> reference = Widen(s);
  s.Run(c, range);
  reference.Run(c, range);
  ExpectNear(s.p, reference.p, "parameter");
  ExpectNear(s.m, reference.m, "first moment");
  ExpectNear(s.v, reference.v, "second moment");
}

// The formula of the header, written down once more by hand for one value:
// g = 0.5 * 4 = 2; m = 0.5 * 1 + 0.5 * 2 = 1.5; v = 0.75 * 4 + 0.25 * 4 = 4;
// m / 0.75 = 2; sqrt(4 / 0.25) + 1 = 5; p = 10 - 0.1 * 0.2 * 10 - 3 * 0.1 * 2 / 5 = 9.68.
TEST(AdamW, ComputesTheFormula) {
  const AdamWCoefficients c{0.1, 0.5, 0.75, 1.0, 0.2, 0.75, 0.25, 0.5, 3.0};
  State<double> s{{10.0}, {4.0}, {1.0}, {4.0}};
  s.Run(c, {1, 1, 1});
  EXPECT_NEAR(s.p[0], 9.68, 1e-12);
  EXPECT_NEAR(s.m[0], 1.5, 1e-12);
  EXPECT_NEAR(s.v[0], 4.0, 1e-12);
  State<float> f{{10.0f}, {4.0f}, {1.0f}, {4.0f}};
  f.Run(c, {1, 1, 1});
  EXPECT_NEAR(f.p[0], 9.68, 1e-5);
  EXPECT_NEAR(f.m[0], 1.5, 1e-6);
  EXPECT_NEAR(f.v[0], 4.0, 1e-6);
}

TEST(AdamW, FloatFollowsTheReferenceForEveryLength) {
  for (int64_t size = 0; size <= 70; ++size) {
    ExpectLikeReference(Unusual(), {1, size, size}, size);
  }
  ExpectLikeReference(Unusual(), {1, 4099, 4099}, 4099);
}

TEST(AdamW, FloatFollowsTheReferenceForEveryCoefficient) {
  const std::vector<double AdamWCoefficients::*> fields = {
      &AdamWCoefficients::lr,           &AdamWCoefficients::beta1,
      &AdamWCoefficients::beta2,        &AdamWCoefficients::epsilon,
      &AdamWCoefficients::weight_decay, &AdamWCoefficients::correction1,
      &AdamWCoefficients::correction2,  &AdamWCoefficients::grad_scale,
      &AdamWCoefficients::update_scale};
  AdamWCoefficients usual;
  usual.lr = 1e-3;
  for (const auto field : fields) {
    AdamWCoefficients c = usual;
    c.*field = Unusual().*field;
    ExpectLikeReference(c, {1, 37, 37}, 37);
  }
}

TEST(AdamW, UpdatesTheRunsOfAStridedMatrixAndNothingBetweenThem) {
  for (const int64_t columns : {1, 3, 8, 17}) {
    const int64_t stride = columns + 5, rows = 4;
    const int64_t size = rows * stride;
    State<float> s = Draw(7, size);
    const State<float> before = s;
    State<double> reference = Widen(s);
    s.Run(Unusual(), {rows, columns, stride});
    reference.Run(Unusual(), {rows, columns, stride});
    ExpectNear(s.p, reference.p, "parameter");
    for (int64_t i = 0; i < size; ++i) {
      const bool inside = i % stride < columns;
      EXPECT_EQ(s.p[i] != before.p[i], inside) << i;
      EXPECT_EQ(s.m[i] != before.m[i], inside) << i;
      EXPECT_EQ(s.v[i] != before.v[i], inside) << i;
      EXPECT_EQ(reference.p[i] != Widen(before).p[i], inside) << i;
    }
    EXPECT_EQ(s.g, before.g);
  }
}

// A group's values must not depend on how its slices are cut: exact resume and a head that is
// stepped alone rely on it.
TEST(AdamW, AValueDoesNotDependOnWhereItsRunBeginsOrEnds) {
  constexpr int64_t kSize = 67;
  State<float> whole = Draw(5, kSize);
  const State<float> start = whole;
  whole.Run(Unusual(), {1, kSize, kSize});
  for (int64_t cut = 0; cut <= kSize; ++cut) {
    State<float> parts = start;
    parts.Run(Unusual(), {1, cut, cut});
    parts.Run(Unusual(), {1, kSize - cut, kSize - cut}, cut);
    ASSERT_TRUE(parts == whole) << "cut at " << cut;
  }
}

TEST(AdamW, ManyStepsStayNearTheReference) {
  State<float> s = Draw(9, 33);
  std::fill(s.m.begin(), s.m.end(), 0.0f);
  std::fill(s.v.begin(), s.v.end(), 0.0f);
  State<double> reference = Widen(s);
  AdamWCoefficients c;
  c.lr = 1e-3;
  c.weight_decay = 0.05;
  for (int step = 1; step <= 100; ++step) {
    c.correction1 = 1.0 - std::pow(c.beta1, step);
    c.correction2 = 1.0 - std::pow(c.beta2, step);
    s.Run(c, {1, 33, 33});
    reference.Run(c, {1, 33, 33});
  }
  for (size_t i = 0; i < s.p.size(); ++i) EXPECT_NEAR(s.p[i], reference.p[i], 1e-4) << i;
}

TEST(AdamW, EveryInstructionSetFollowsTheReference) {
  int tried = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    for (const int64_t size : {1, 7, 16, 31, 129}) {
      ExpectLikeReference(Unusual(), {1, size, size}, size);
    }
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace sluice::kernels
